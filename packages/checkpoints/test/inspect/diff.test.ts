import { diffCheckpoints } from '@polyak/checkpoints/inspect';
import { describe, expect, it } from 'vitest';
import { all, held, memoryCheckpoint } from './memory-checkpoint.js';
import type { Held } from './memory-checkpoint.js';

type Tensors = Readonly<Record<string, Held>>;

function diff(a: Tensors, b: Tensors): ReturnType<typeof all<unknown>> {
  return all(diffCheckpoints(memoryCheckpoint('a', a), memoryCheckpoint('b', b)));
}

describe('diffCheckpoints', () => {
  it('compares elements', async () => {
    const a = held('float32', Float32Array.of(1, 2, 2, 4), [2, 2]);
    const b = held('float32', Float32Array.of(1, 5, 2, 2), [2, 2], 2);
    expect(await diff({ w: a }, { w: b })).toEqual([
      {
        name: 'w',
        kind: 'both',
        dtypes: ['float32', 'float32'],
        shape: [2, 2],
        isSame: false,
        values: {
          count: 4,
          largest: 3,
          largestAt: 1,
          rms: Math.sqrt(13 / 4),
          relativeRms: Math.sqrt(13 / 25),
          cosine: 23 / Math.sqrt(25 * 34),
          nonFinite: 0,
        },
      },
    ]);
  });

  it('compares values of two dtypes', async () => {
    const a = held('float32', Float32Array.of(1, -2));
    const b = held('bfloat16', Uint16Array.of(0x3f80, 0xc000));
    expect(await diff({ w: a }, { w: b })).toMatchObject([
      { dtypes: ['float32', 'bfloat16'], isSame: false, values: { largest: 0, cosine: 1 } },
    ]);
  });

  it('knows equal tensors, and those that only their bits tell apart', async () => {
    const a = { w: held('float32', Float32Array.of(0, 3)) };
    const b = { w: held('float32', Float32Array.of(-0, 3)) };
    const same = { largest: 0, largestAt: -1, rms: 0, relativeRms: 0, cosine: 1 };
    expect(await diff(a, a)).toMatchObject([{ isSame: true, values: same }]);
    expect(await diff(a, b)).toMatchObject([{ isSame: false, values: same }]);
  });

  it('counts elements that are not finite in one, and not the same in the other', async () => {
    const a = held('float64', Float64Array.of(NaN, NaN, Infinity, 1, 2));
    const b = held('float64', Float64Array.of(NaN, 1, -Infinity, Infinity, 3));
    expect(await diff({ w: a }, { w: b })).toMatchObject([
      { values: { count: 5, nonFinite: 3, largest: 1, largestAt: 4, rms: 1, cosine: 1 } },
    ]);
  });

  it('has an answer for zeros', async () => {
    const [zero, one] = [0, 1].map((value) => held('float32', Float32Array.of(value)));
    const both = { zero: zero as Held, one: one as Held };
    expect(await diff(both, { zero: one as Held, one: zero as Held })).toMatchObject([
      { values: { relativeRms: Infinity, cosine: NaN } },
      { values: { relativeRms: 1, cosine: NaN } },
    ]);
  });

  it('lists tensors that only one has, and other shapes', async () => {
    const tensor = held('float32', Float32Array.of(1, 2));
    const wide = { ...tensor, shape: [1, 2] };
    expect(await diff({ a: tensor, b: tensor }, { c: tensor, b: wide })).toEqual([
      { name: 'a', kind: 'first only' },
      { name: 'b', kind: 'shape', shapes: [[2], [1, 2]] },
      { name: 'c', kind: 'second only' },
    ]);
  });

  it('compares the bytes of dtypes that are not read', async () => {
    const [a, b] = [1, 2].map((last) => held('F4', Uint8Array.of(0, last), [4])) as [Held, Held];
    const rows = await diff(
      { same: a, other: a, packed: a },
      { same: a, other: b, packed: { ...b, dtype: 'F6' } },
    );
    expect(rows).toMatchObject([{ isSame: true }, { isSame: false }, { isSame: false }]);
    expect(rows[0]).not.toHaveProperty('values');
  });

  it('finds the one difference in a large tensor, in another order of the file', async () => {
    const large = Float32Array.from({ length: 3_000_001 }, (_, index) =>
      Math.fround(1 / (index + 1)),
    );
    const changed = large.slice();
    changed[2_900_123] = 9;
    const small = held('int32', Int32Array.of(4, 5, 6));
    const rows = await diff(
      { small, large: held('float32', large) },
      { large: held('float32', changed, [3_000_001], 5), small },
    );
    expect(rows).toMatchObject([
      { name: 'small', isSame: true },
      { name: 'large', isSame: false, values: { largestAt: 2_900_123, count: 3_000_001 } },
    ]);
  });

  it('compares checkpoints whose names differ in a prefix', async () => {
    const tensor = held('float32', Float32Array.of(1, 2));
    const rows = await all(
      diffCheckpoints(
        memoryCheckpoint('a', { w: tensor }),
        memoryCheckpoint('b', { 'module.w': tensor }),
        { names: { rename: [{ from: 'module.*', to: '*' }] } },
      ),
    );
    expect(rows).toMatchObject([{ name: 'w', isSame: true }]);
  });
});
