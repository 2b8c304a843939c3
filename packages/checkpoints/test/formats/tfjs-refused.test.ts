// Models of TensorFlow.js that are malformed or hostile, and outputs that cannot be written.
import type { Checkpoint } from '@polyak/checkpoints';
import { fromSources, openCheckpoint } from '@polyak/checkpoints';
import { PolyakError } from '@polyak/core';
import type { ByteSource } from '@polyak/safetensors';
import { bytesSource } from '@polyak/safetensors';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { f32 } from './onnx-models.js';
import type { Files } from './outputs.js';
import { floatsOf, open, requestFor } from './outputs.js';
import { modelFiles } from './tfjs-models.js';

describe('a model of TensorFlow.js is refused', () => {
  const w = { name: 'w', shape: [2], dtype: 'float32' };
  it.each([
    ['with a short shard', [w], f32(1), /"w" takes 8 bytes/],
    ['with a long shard', [w], f32(1, 2, 3), /take 8 bytes of shards that have 12/],
    ['with two weights of a name', [w, w], f32(1, 2, 3, 4), /two weights "w"/],
    ['with an unknown dtype', [{ ...w, dtype: 'float8' }], f32(1), /the dtype "float8"/],
    ['with a negative extent', [{ ...w, shape: [-1] }], f32(1), /the extent -1/],
    ['with a huge shape', [{ ...w, shape: [2 ** 40, 2 ** 40] }], f32(1), /takes/],
    [
      'with endless strings',
      [{ ...w, shape: [2 ** 50], dtype: 'string' }],
      f32(1, 2, 3),
      /takes Infinity bytes/,
    ],
    ['with a weight without a name', [{ ...w, name: 1 }], f32(1, 2), /name of a weight/],
  ])('%s', async (_, entries, data, message) => {
    const made = modelFiles(entries as never, data);
    await expect(open(made, 'model.json')).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['twice', ['a.bin', './a.bin'], /names the shard "a.bin" twice/],
    ['outside', ['a/../../a.bin'], /out of its folder/],
    ['that are no names', [1], /not a string/],
    ['that are missing', ['b.bin'], /"b.bin" cannot be opened/],
  ])('where it names shards %s', async (_, paths, message) => {
    const weightsManifest = [{ paths, weights: [w] }];
    const main = new TextEncoder().encode(JSON.stringify({ weightsManifest }));
    const made = new Map([
      ['a.bin', f32(1, 2)],
      ['model.json', main],
    ]);
    await expect(open(made, 'model.json')).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(message) as string,
    });
  });

  it('where it is nested without end, or has a key twice', async () => {
    for (const text of [
      `{"weightsManifest": ${'['.repeat(100_000)}`,
      '{"weightsManifest": [], "weightsManifest": []}',
    ]) {
      const made = new Map([['model.json', new TextEncoder().encode(text)]]);
      await expect(open(made, 'model.json')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    }
  });

  it.each([
    ['with another name', 'v', {}, /"w" becomes "v"/],
    ['with another dtype', 'w', { dtype: 'bfloat16' }, /becomes bfloat16/],
    ['with another shape', 'w', { shape: [1, 2] }, /becomes float32\[1,2\]/],
  ])('as an output %s', async (_, name, change, message) => {
    const checkpoint = await open(modelFiles([w], f32(1, 2)), 'model.json');
    const spec = { dtype: 'float32', shape: [2], replaces: 'w', ...change };
    const request = { name: 'model.json', tensors: new Map([[name, spec]]), metadata: {} };
    await expect(checkpoint.layout(request)).rejects.toMatchObject({
      code: 'ERR_MISMATCH',
      message: expect.stringMatching(message) as string,
    });
  });
});

it('a model.json with any bytes changed is opened and laid out, or refused', async () => {
  const weights = [
    { name: 'w', shape: [2], dtype: 'float32' },
    { name: 't', shape: [1], dtype: 'string' },
  ];
  const data = Uint8Array.of(...f32(1, 2), 1, 0, 0, 0, 65);
  const files = modelFiles(weights, data, [3], { generatedBy: 'x'.repeat(200) });
  const whole = files.get('model.json') ?? new Uint8Array();
  const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 32, max: 126 }));
  const outcomes = { laidOut: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, byte] of changes) bytes[at] = byte;
      const opened = await open(new Map([...files, ['model.json', bytes]]), 'model.json').catch(
        (error: unknown) => error,
      );
      const code = PolyakError.is(opened) ? opened.code : undefined;
      expect([code, opened instanceof Error]).toEqual([
        code && 'ERR_CHECKPOINT',
        code !== undefined,
      ]);
      outcomes[code === undefined ? 'laidOut' : 'refused'] += 1;
      if (code !== undefined) return;
      const checkpoint = opened as Checkpoint;
      await checkpoint.layout(requestFor(checkpoint, 'model.json'));
    }),
    { seed: 12, numRuns: 2000 },
  );
  console.log('2000 damaged models', outcomes);
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(100);
});

it('a weight may begin beyond 2^32 bytes and span shards there', async () => {
  const zeros = (size: number): ByteSource => ({ size, read: (_, n) => new Uint8Array(n) });
  const [first, bytes] = [5 * 2 ** 30, f32(8, 9)];
  const weights = [
    { name: 'large', shape: [first / 4], dtype: 'float32' },
    { name: 'w', shape: [2], dtype: 'float32' },
  ];
  const entries = { weightsManifest: [{ paths: ['a', 'b', 'c'], weights }] };
  const sources = new Map([
    ['model.json', bytesSource(new TextEncoder().encode(JSON.stringify(entries)))],
    ['a', zeros(first)],
    ['b', bytesSource(bytes.subarray(0, 5))],
    ['c', bytesSource(bytes.subarray(5))],
  ]);
  const checkpoint = await openCheckpoint('model.json', fromSources(sources));
  expect(await floatsOf(checkpoint, 'w')).toEqual([8, 9]);
});

it('a model of 100,000 weights opens in linear time', async () => {
  const modelOf = (count: number): Files =>
    modelFiles(
      Array.from({ length: count }, (_, n) => ({ name: `w${n}`, shape: [1], dtype: 'float32' })),
      new Uint8Array(4 * count),
    );
  const timeOf = async (files: Files): Promise<number> => {
    const begin = performance.now();
    const checkpoint = await open(files, 'model.json');
    await checkpoint.layout(requestFor(checkpoint, 'model.json'));
    return performance.now() - begin;
  };
  const [small, large] = [modelOf(10_000), modelOf(100_000)];
  await timeOf(small);
  const times = [await timeOf(small), await timeOf(large)] as const;
  expect(times[1] / times[0]).toBeLessThan(40);
});
