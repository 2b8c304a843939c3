// What becomes of inputs: they are read as they were, and never lost.
import {
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { mergeFiles, openCheckpoint, planMergeFiles } from '@polyak/checkpoints/node';
import { encodeSafetensors, formatShardIndex } from '@polyak/safetensors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { floats, vector } from '../engine/values.js';

let folder: string;
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'polyak-inputs-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function writeModel(name: string, seed: number): string {
  writeFileSync(at(name), encodeSafetensors({ w: vector(floats(seed, 500_000)) }));
  return at(name);
}

it.each([
  ['mergeFiles', mergeFiles],
  ['planMergeFiles', planMergeFiles],
] as const)('%s refuses inputs that are no list of paths, by its own name', async (name, call) => {
  for (const [inputs, message] of [
    ['a.safetensors', 'inputs is a value of type string, expected a list.'],
    [[5], 'inputs[0] is a value of type number, expected a string.'],
    [Object.assign([], { length: 2 ** 32 - 1 }), 'inputs has holes.'],
  ] as const) {
    const merge = call(inputs as never, at('out.safetensors'), { method: mean(1) });
    await expect(merge).rejects.toThrow(new TypeError(`${name}: ${message}`));
  }
});

describe('mergeFiles', () => {
  it('publishes nothing where an input changed while it was read', async () => {
    const inputs = [writeModel('a.safetensors', 1), writeModel('b.safetensors', 2)];
    let writes = 0;
    const onProgress = (): void => {
      if (writes > 0) return;
      writes += 1;
      const file = openSync(at('a.safetensors'), 'r+');
      writeSync(file, new Uint8Array(4096), 0, 4096, 1_000_000);
      closeSync(file);
    };
    const merge = mergeFiles(inputs, at('out.safetensors'), { method: mean(2), onProgress });
    await expect(merge).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining('a.safetensors changed while it was read'),
    });
    expect(existsSync(at('out.safetensors'))).toBe(false);
  });

  it('refuses a name of another format than the output has', async () => {
    const inputs = [writeModel('a.safetensors', 1)];
    await expect(mergeFiles(inputs, at('out.onnx'), { method: mean(1) })).rejects.toThrow(
      /is safetensors, but is called out\.onnx\. Let its name end with \.safetensors/,
    );
  });

  it('keeps a shard that an input and the replaced output share', async () => {
    writeModel('shared.safetensors', 1);
    writeFileSync(at('own.safetensors'), encodeSafetensors({ v: vector(floats(2, 10)) }));
    const write = (name: string, weights: readonly (readonly [string, string])[]): string => {
      writeFileSync(at(name), formatShardIndex(new Map(weights), 0));
      return at(name);
    };
    const old = write('old.safetensors.index.json', [['w', 'shared.safetensors']]);
    const input = write('input.safetensors.index.json', [
      ['w', 'shared.safetensors'],
      ['v', 'own.safetensors'],
    ]);
    const shared = readFileSync(at('shared.safetensors'));
    await mergeFiles([input], old, { method: mean(1), force: true });
    expect(readFileSync(at('shared.safetensors')).equals(shared)).toBe(true);
    const merged = await openCheckpoint(old);
    expect([...merged.tensors.keys()].toSorted()).toEqual(['v', 'w']);
    await merged.close();
  });
});
