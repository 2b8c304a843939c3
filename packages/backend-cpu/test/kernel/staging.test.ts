// Which addresses a kernel is given: where operands lie, or slots in the scratch that are at other
// page offsets than they are.
import { describe, expect, it } from 'vitest';
import { Arena, SCRATCH } from '#kernel/arena.js';
import type { Shard } from '#kernel/arena.js';
import { inChunks, inOneChunk } from '#kernel/staging.js';
import { compileKernel } from '#kernel/webassembly.js';
import { difference, fillTame } from '../data.js';
import type { FloatArray } from '../data.js';

const PAGE = 4096;
/** Where the first array of a shard lies. */
const FIRST = SCRATCH;

/** A shard, with arrays in it of these lengths. */
function shardWith(
  dtype: 'float32' | 'float64',
  ...lengths: readonly number[]
): readonly [Shard, ...FloatArray[]] {
  const size = 64 * 65_536;
  const arena = new Arena(compileKernel(), { least: size, most: size });
  const arrays = arena.allocate(lengths.map((length) => ({ dtype, length })));
  const shard = arrays[0] === undefined ? arena.staging : arena.shardOf(arrays[0]);
  return [shard ?? arena.staging, ...(arrays as readonly FloatArray[])];
}

/** The addresses and counts that the kernel is given, step by step. */
function stepsOf(
  shard: Shard,
  operands: readonly FloatArray[],
  targets = 1,
): readonly (readonly [addresses: readonly number[], count: number])[] {
  const steps: (readonly [readonly number[], number])[] = [];
  inChunks(shard, operands, targets, (addresses, count) => {
    steps.push([[...addresses], count]);
    return 0;
  });
  return steps;
}

describe('operands that all lie in the shard', () => {
  it('are taken where they are, in one step', () => {
    const [shard, a, b] = shardWith('float32', 100_000, 100_000) as [Shard, FloatArray, FloatArray];
    expect(stepsOf(shard, [a, b])).toEqual([[[FIRST, FIRST + 400_000], 100_000]]);
  });
});

describe('operands that lie elsewhere', () => {
  it.each([
    [1, [2048]],
    [2, [1024, 131_072 + 3072]],
    [3, [640, 86_016 + 2048, 172_032 + 3392]],
    [5, [384, 49_152 + 1216, 98_304 + 2048, 147_456 + 2816, 196_608 + 3648]],
  ] as const)(
    'are given slots at page offsets apart from each other, %i of them',
    (count, slots) => {
      const [shard] = shardWith('float32');
      const operands = slots.map(() => new Float32Array(3));
      expect(operands).toHaveLength(count);
      expect(stepsOf(shard, operands)).toEqual([[slots, 3]]);
    },
  );

  it('are given slots at page offsets apart from the operand in the shard', () => {
    const [shard, , a] = shardWith('float32', 256, 3) as [Shard, FloatArray, FloatArray];
    expect(a.byteOffset).toBe(FIRST + 1024);
    const [one, other] = [new Float32Array(3), new Float32Array(3)];
    const address = FIRST + 1024;
    expect(stepsOf(shard, [a, one])).toEqual([[[address, 1024 + 2048], 3]]);
    expect(stepsOf(shard, [one, a, other])).toEqual([
      [[1024 + 1024, address, SCRATCH / 2 + ((1024 + 3072) % PAGE)], 3],
    ]);
  });

  it('are copied at the first address of the scratch like at any other', () => {
    const [shard, , a] = shardWith('float32', 512, 3) as [Shard, FloatArray, FloatArray];
    const own = Float32Array.of(0, 1, 2, 3).subarray(1);
    a.set([4, 5, 6]);
    const seen: number[][] = [];
    const copy = ([to = 0, from = 0]: readonly number[], count: number): number => {
      const [target, source] = [to, from].map((at) => new Float32Array(shard.buffer, at, count));
      seen.push([to, from, ...(source ?? [])]);
      target?.set(source ?? []);
      return 0;
    };
    inChunks(shard, [a, own], 1, copy);
    expect([...a]).toEqual([1, 2, 3]);
    a.set([4, 5, 6]);
    inChunks(shard, [own, a], 1, copy);
    expect([...own]).toEqual([4, 5, 6]);
    expect(seen).toEqual([
      [FIRST + 2048, 0, 1, 2, 3],
      [0, FIRST + 2048, 4, 5, 6],
    ]);
  });

  it('are taken in as many steps as their slots need, beside those in the shard', () => {
    const [shard, a] = shardWith('float32', 150_000) as [Shard, FloatArray];
    const most = (SCRATCH - PAGE) / 4;
    const step = (start: number, count: number) => [[FIRST + 4 * start, 2048], count];
    expect(stepsOf(shard, [a, new Float32Array(150_000)])).toEqual([
      step(0, most),
      step(most, most),
      step(2 * most, 150_000 - 2 * most),
    ]);
    const [, b] = shardWith('float64', most / 2) as [Shard, FloatArray];
    const [other] = shardWith('float64');
    expect(stepsOf(other, [b])).toEqual([[[2048], most / 2]]);
    expect(stepsOf(other, [new Float64Array(most / 2 + 1)])).toEqual([
      [[2048], most / 2],
      [[2048], 1],
    ]);
  });

  it('are copied in, but for the targets, which are copied out', () => {
    const [shard] = shardWith('float64');
    const length = 40_000;
    const target = new Float64Array(length);
    const source = Float64Array.from({ length }, (_, n) => n);
    const kept = source.slice();
    const at = (address: number, count: number) => new Float64Array(shard.buffer, address, count);
    const bits = inChunks(shard, [target, source], 1, ([to = 0, from = 0], count) => {
      at(to, count).set(at(from, count).map((value) => 2 * value));
      at(from, count).fill(-1);
      return count < 10_000 ? 1 : 2;
    });
    expect(bits).toBe(1 | 2);
    expect(
      difference(
        target,
        kept.map((value) => 2 * value),
      ),
    ).toBeUndefined();
    expect(difference(source, kept)).toBeUndefined();
  });
});

describe('a live tensor that fits into one chunk', () => {
  it.each(['float32', 'float64'] as const)('is copied half a page from the target, %s', (dtype) => {
    const Elements = dtype === 'float32' ? Float32Array : Float64Array;
    const size = Elements.BYTES_PER_ELEMENT;
    const most = (SCRATCH - PAGE) / size;
    const [shard, a, b] = shardWith(dtype, 8, most) as [Shard, FloatArray, FloatArray];
    const live = fillTame(new Elements(most), 1);
    expect(inOneChunk(shard, a, b, live)).toBe(2048);
    expect(difference(new Elements(shard.buffer, 2048, most), live)).toBeUndefined();
    expect(inOneChunk(shard, b, a, live)).toBe(2048 + 64);
    const after = new Elements(most + 1);
    expect(inOneChunk(shard, a, b, after)).toBeUndefined();
  });

  it('is left to the other way where another operand lies elsewhere, or it does not', () => {
    const [shard, a, b] = shardWith('float32', 2, 2) as [Shard, FloatArray, FloatArray];
    const own = Float32Array.of(1, 2);
    expect(inOneChunk(shard, own, a, own)).toBeUndefined();
    expect(inOneChunk(shard, a, own, own)).toBeUndefined();
    expect(inOneChunk(shard, a, b, b)).toBeUndefined();
  });
});
