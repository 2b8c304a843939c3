// Merges of files that end early: what is in the folder, and what goes on from there.
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean, weighted } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const ELEMENTS = 2_000_000;
const method = mean(2);

let folder = '';
let inputs: string[] = [];
let output = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-early-'));
  output = join(folder, 'mean.safetensors');
  inputs = ['one.safetensors', 'two.safetensors'].map((name) => join(folder, name));
  for (const [seed, path] of inputs.entries()) {
    const data = Float32Array.from({ length: ELEMENTS }, (_, index) => seed + 3 * index);
    await writeFile(path, encodeSafetensors({ w: { dtype: 'float32', shape: [ELEMENTS], data } }));
  }
  // A checkpoint is made about once a second: here after each unit of work.
  let now = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => (now += 1000));
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const left = async (): Promise<string[]> => {
  const names = await readdir(folder);
  return names.filter((name) => !inputs.includes(join(folder, name))).toSorted();
};

/** Ends a merge by a signal after some of its units. */
async function abortMerge(): Promise<void> {
  const abort = new AbortController();
  const onProgress = ({ done }: { readonly done: number }): void => {
    if (done > ELEMENTS) abort.abort(new Error('enough'));
  };
  const merge = mergeFiles(inputs, output, { method, onProgress, signal: abort.signal });
  await expect(merge).rejects.toThrow('enough');
}

describe('a merge that ends early', () => {
  it('by a signal is resumed, to the same bytes', async () => {
    await abortMerge();
    expect(await left()).toEqual(['.mean.polyak-journal', '.mean.safetensors.polyak-partial']);
    await expect(mergeFiles(inputs, output, { method })).rejects.toThrow('was interrupted');
    const begun: number[] = [];
    const onProgress = ({ done }: { readonly done: number }): number => begun.push(done);
    await mergeFiles(inputs, output, { method, resume: true, onProgress });
    expect(begun[0]).toBeGreaterThan(0);
    await mergeFiles(inputs, join(folder, 'whole.safetensors'), { method });
    // The record does not name the output.
    const whole = await readFile(join(folder, 'whole.safetensors'));
    expect(whole.equals(await readFile(output))).toBe(true);
    expect(await left()).toEqual(['mean.safetensors', 'whole.safetensors']);
  });

  it('is not resumed with other weights or changed inputs', async () => {
    await abortMerge();
    const other = weighted([0.25, 0.75]);
    await expect(mergeFiles(inputs, output, { method: other, resume: true })).rejects.toThrow(
      'begun with other inputs, options',
    );
    await utimes(inputs[1] ?? '', 1, 1);
    await expect(mergeFiles(inputs, output, { method, resume: true })).rejects.toThrow(
      `these inputs have changed since: ${inputs[1]}`,
    );
    await mergeFiles(inputs, output, { method: other, force: true });
    expect(await left()).toEqual(['mean.safetensors']);
  });

  it('while it is published, is published by the same merge only', async () => {
    const [one = '', two = ''] = inputs;
    await utimes(two, 2, 2);
    let other: Promise<void> | undefined;
    const onProgress = (): void => {
      other ??= writeFile(output, 'of another program');
    };
    const merge = mergeFiles(inputs, output, { method, onProgress });
    await expect(merge).rejects.toThrow('exists');
    await other;
    await rm(output);
    const expected = ['.mean.polyak-journal', '.mean.safetensors.polyak-partial'];
    expect(await left()).toEqual(expected);

    const mismatch = expect.objectContaining({ code: 'ERR_MISMATCH' }) as Error;
    const resumed = { method, resume: true };
    for (const options of [
      { ...resumed, method: weighted([0.25, 0.75]) },
      { ...resumed, force: true, dtype: 'float16' as const },
      { ...resumed, names: { exclude: ['w'] } },
      { ...resumed, shardBytes: 1_000_000 },
      { ...resumed, nonFinite: 'skip' as const },
    ]) {
      await expect(mergeFiles(inputs, output, options)).rejects.toThrow(mismatch);
    }
    await expect(mergeFiles([two, one], output, resumed)).rejects.toThrow(mismatch);
    await utimes(two, 1, 1);
    await expect(mergeFiles(inputs, output, resumed)).rejects.toThrow('have changed since');
    expect(await left()).toEqual(expected);

    await utimes(two, 2, 2);
    // They are not read again.
    await rm(one);
    expect(await mergeFiles(inputs, output, resumed)).toEqual({ kind: 'published' });
    expect(await left()).toEqual(['mean.safetensors']);
  });

  it('by an input that becomes shorter leaves the old output', async () => {
    await writeFile(output, 'old');
    let cut: Promise<void> | undefined;
    const onProgress = (): void => {
      cut ??= truncate(inputs[0] ?? '', 1_000_000);
    };
    const merge = mergeFiles(inputs, output, { method, force: true, onProgress });
    await expect(merge).rejects.toThrow('one.safetensors');
    await cut;
    expect(await readFile(output, 'utf8')).toBe('old');
  });

  it('by numbers that are not finite leaves nothing', async () => {
    const data = Float32Array.of(1, NaN);
    for (const path of inputs) {
      await writeFile(path, encodeSafetensors({ w: { dtype: 'float32', shape: [2], data } }));
    }
    await expect(mergeFiles(inputs, output, { method })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_NON_FINITE' }) as Error,
    );
    expect(await left()).toEqual([]);
  });

  it('does not end if an input is removed while it is read', async () => {
    let removed: Promise<void> | undefined;
    const onProgress = (): void => {
      removed ??= rm(inputs[0] ?? '');
    };
    await mergeFiles(inputs, output, { method, onProgress });
    await removed;
    expect(await left()).toEqual(['mean.safetensors']);
  });
});
