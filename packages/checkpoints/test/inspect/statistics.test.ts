import { tensorStatistics } from '@polyak/checkpoints/inspect';
import type { ValueStatistics } from '@polyak/checkpoints/inspect';
import { describe, expect, it } from 'vitest';
import { all, held, memoryCheckpoint } from './memory-checkpoint.js';
import type { Held } from './memory-checkpoint.js';

async function statisticsOf(tensor: Held): Promise<ValueStatistics | undefined> {
  const [row] = await all(tensorStatistics(memoryCheckpoint('a', { tensor })));
  return row?.values;
}

describe('tensorStatistics', () => {
  it.each([
    ['float64', Float64Array.of(-1, 0, 2, 5)],
    ['float32', Float32Array.of(-1, 0, 2, 5)],
    ['float16', Uint16Array.of(0xbc00, 0, 0x4000, 0x4500)],
    ['bfloat16', Uint16Array.of(0xbf80, 0, 0x4000, 0x40a0)],
    ['float8_e4m3fn', Uint8Array.of(0xb8, 0, 0x40, 0x4a)],
    ['float8_e5m2', Uint8Array.of(0xbc, 0, 0x40, 0x45)],
    ['int64', BigInt64Array.of(-1n, 0n, 2n, 5n)],
    ['int32', Int32Array.of(-1, 0, 2, 5)],
    ['int16', Int16Array.of(-1, 0, 2, 5)],
    ['int8', Int8Array.of(-1, 0, 2, 5)],
  ])('reads %s, wherever it lies', async (dtype, array) => {
    const expected = {
      count: 4,
      nan: 0,
      positiveInfinity: 0,
      negativeInfinity: 0,
      zeros: 1,
      min: -1,
      max: 5,
      mean: 1.5,
      rms: Math.sqrt(30 / 4),
    };
    expect(await statisticsOf(held(dtype, array))).toEqual(expected);
    expect(await statisticsOf(held(dtype, array, [2, 2], 3))).toEqual(expected);
  });

  it.each([
    ['uint64', BigUint64Array.of(0n, 3n, 2n ** 64n - 1n), 2 ** 64],
    ['uint32', Uint32Array.of(0, 3, 2 ** 32 - 1), 2 ** 32 - 1],
    ['uint16', Uint16Array.of(0, 3, 65535), 65535],
    ['uint8', Uint8Array.of(0, 3, 255), 255],
    ['bool', Uint8Array.of(0, 1, 1), 1],
  ])('reads %s without a sign', async (dtype, array, max) => {
    expect(await statisticsOf(held(dtype, array))).toMatchObject({ min: 0, max, zeros: 1 });
  });

  it('counts what is not finite, and leaves it out of the rest', async () => {
    const array = Float32Array.of(NaN, Infinity, 3, -Infinity, NaN, -4, -0);
    expect(await statisticsOf(held('float32', array))).toEqual({
      count: 7,
      nan: 2,
      positiveInfinity: 1,
      negativeInfinity: 1,
      zeros: 1,
      min: -4,
      max: 3,
      mean: -1 / 3,
      rms: Math.sqrt(25 / 3),
    });
  });

  it('has no mean where nothing is finite', async () => {
    const nothing = { min: NaN, max: NaN, mean: NaN, rms: NaN };
    expect(await statisticsOf(held('float32', new Float32Array()))).toMatchObject(nothing);
    expect(await statisticsOf(held('float32', Float32Array.of(NaN)))).toMatchObject(nothing);
  });

  it('sums without losing small numbers beside large ones', async () => {
    const array = Float64Array.of(2 ** 60, 1, -(2 ** 60), 1);
    expect(await statisticsOf(held('float64', array))).toMatchObject({ mean: 0.5 });
  });

  it('reads tensors longer than a piece, and many short ones at once', async () => {
    const count = 5_000_011;
    const large = Float32Array.from({ length: count }, (_, index) => index % 1009);
    const small = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [
        `s${index}`,
        held('int32', Int32Array.of(index)),
      ]),
    );
    const checkpoint = memoryCheckpoint('a', { large: held('float32', large), ...small });
    const rows = await all(tensorStatistics(checkpoint));
    const sum = large.reduce((total, value) => total + value, 0);
    expect(rows[0]?.values).toMatchObject({ count, max: 1008, mean: sum / count });
    expect(rows.slice(1).map(({ values }) => values?.mean)).toEqual([...Array(1000).keys()]);
    expect(checkpoint.reads.length).toBeLessThan(10);
    expect(Math.max(...checkpoint.reads)).toBeLessThanOrEqual(2 ** 22);
  });

  it('yields rows in the order of the file, also of tensors that are not read', async () => {
    const checkpoint = memoryCheckpoint('a', {
      empty: held('float32', new Float32Array(), [0, 3]),
      packed: held('F4', Uint8Array.of(1, 2), [4]),
      '1': held('float32', Float32Array.of(7)),
      last: held('float32', new Float32Array(), [0]),
    });
    const rows = await all(tensorStatistics(checkpoint));
    expect(rows.map(({ name, values }) => [name, values?.count])).toEqual([
      ['1', 1],
      ['empty', 0],
      ['packed', undefined],
      ['last', 0],
    ]);
    expect(rows[2]).toEqual({ name: 'packed', dtype: 'F4', shape: [4] });
  });

  it('reads only what is selected, and reports how far it is', async () => {
    const checkpoint = memoryCheckpoint('a', {
      'm.w': held('float32', Float32Array.of(1, 2)),
      'm.b': held('float32', Float32Array.of(3)),
    });
    const progress: unknown[] = [];
    const rows = await all(
      tensorStatistics(checkpoint, {
        names: { rename: [{ from: 'm.*', to: '*' }], exclude: ['b'] },
        onProgress: (each) => progress.push(each),
      }),
    );
    expect(rows.map(({ name }) => name)).toEqual(['w']);
    expect(progress).toEqual([{ doneBytes: 8, totalBytes: 8 }]);
    expect(checkpoint.reads).toEqual([8]);
  });

  it('ends where its signal says so', async () => {
    const tensor = held('float32', new Float32Array(4_000_000));
    const rows = tensorStatistics(memoryCheckpoint('a', { tensor }), {
      signal: AbortSignal.abort(new Error('enough')),
    });
    await expect(all(rows)).rejects.toThrow('enough');
  });
});
