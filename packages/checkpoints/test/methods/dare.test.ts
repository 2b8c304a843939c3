import { dare } from '@polyak/checkpoints/methods';
import type { DareOptions } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { drive, isSame, mergedOf } from './drive.js';

/** Which deltas are kept: 1 or 0 for each element. */
function keptOf(options: DareOptions, elements: number, name = 'w', models = 1): Float64Array {
  const zero = new Float64Array(elements);
  // Only the last model has changed.
  const values = Array.from({ length: models }, (_, i) =>
    i === models - 1 ? zero.map(() => options.density) : zero,
  );
  const { merged } = drive(dare(options), { name, models: values, base: zero });
  return merged.map((value) => Math.round(value));
}

const shareOf = (kept: Float64Array): number =>
  kept.reduce((sum, value) => sum + value, 0) / kept.length;

/** The share of the elements that `a` and `b` both keep. */
const bothOf = (a: Float64Array, b: Float64Array): number =>
  shareOf(a.map((value, i) => value * (b[i] ?? 0)));

const COUNT = 1_000_000;
// Five standard deviations of a share of COUNT elements.
const NOISE = 2.5 / Math.sqrt(COUNT);

describe('dare', () => {
  it('divides what it keeps by the density', () => {
    const { merged } = drive(dare({ density: 0.25, lambda: 0.5, weights: [3] }), {
      name: 'w',
      models: [new Float64Array(1000).fill(5)],
      base: new Float64Array(1000).fill(4),
    });
    expect(new Set(merged)).toEqual(new Set([4, 4 + 0.5 * 3 * 4]));
  });

  it('keeps all with a density of 1, and next to none with a tiny one', () => {
    const model = Array.from({ length: 999 }, (_, i) => i / 7);
    const base = model.map((value) => value - 1);
    expect(mergedOf(dare({ density: 1 }), [model], base)).toEqual(
      model.map((value) => expect.closeTo(value, 12)),
    );
    expect(mergedOf(dare({ density: 1e-300 }), [model], base)).toEqual(base);
  });

  it('averages over the models that have the elected sign, where one is elected', () => {
    const models = [
      [4, -1, 3, 5],
      [2, -3, -1, 5],
      [-1, 2, -1, -10],
    ];
    const method = (elect: 'sum' | 'count'): number[] =>
      mergedOf(dare({ density: 1, elect }), models, [0, 0, 0, 0]);
    expect(method('sum')).toEqual([3, -2, 3, 0]);
    expect(method('count')).toEqual([3, -2, -1, 5]);
  });

  it('takes no pass, and needs a base', () => {
    const tensors = { name: 'w', models: [Float64Array.of(1)], base: Float64Array.of(2) };
    expect(drive(dare({ density: 0.5 }), tensors).passes).toBe(0);
    expect(dare({ density: 0.5 }).needsBase).toBe(true);
  });

  it('refuses options of other names and ranges', () => {
    const make =
      (options: object): (() => unknown) =>
      () =>
        dare({ density: 0.5, ...options });
    expect(make({ density: 1.1 })).toThrow('dare: density is 1.1, expected a number in (0, 1].');
    expect(make({ seed: -1 })).toThrow('seed is -1, expected an integer in [0, 2^53)');
    expect(make({ seed: 2 ** 53 })).toThrow(RangeError);
    expect(make({ elect: 'most' })).toThrow('elect is "most", expected "sum" or "count"');
    expect(make({ random: 1 })).toThrow('there is no option "random"');
  });
});

describe('the random choice of dare', () => {
  it('is the same in every version', () => {
    // By the generator in numpy, which is checked against a published vector: check_methods.py.
    const kept = [...keptOf({ density: 0.5, seed: 1 }, 24, 'layer.weight')].join('');
    expect(kept).toBe('011111110011011001110010');
  });

  it.each([0.1, 0.5, 0.9])('keeps a share of %d', (density) => {
    const kept = keptOf({ density }, COUNT);
    expect(Math.abs(shareOf(kept) - density)).toBeLessThan(NOISE);
    // In each residue of the index too.
    for (const step of [2, 3, 64, 4096]) {
      const some = kept.filter((_, i) => i % step === 1);
      const noise = 2.5 / Math.sqrt(some.length);
      expect(Math.abs(shareOf(some) - density)).toBeLessThan(noise);
    }
  });

  it('does not depend on the elements before', () => {
    const kept = keptOf({ density: 0.5 }, COUNT);
    for (const lag of [1, 2, 3, 64, 4096, 65_536]) {
      const later = kept.subarray(lag);
      expect(Math.abs(bothOf(later, kept) - 0.25)).toBeLessThan(NOISE);
    }
  });

  it('differs by seed, model and name', () => {
    const first = keptOf({ density: 0.5, seed: 1 }, COUNT);
    for (const other of [
      keptOf({ density: 0.5, seed: 2 }, COUNT),
      keptOf({ density: 0.5, seed: 1 + 2 ** 32 }, COUNT),
      keptOf({ density: 0.5, seed: 1 }, COUNT, 'v'),
      keptOf({ density: 0.5, seed: 1 }, COUNT, 'w\0'),
      keptOf({ density: 0.5, seed: 1 }, COUNT, 'w', 2),
    ]) {
      expect(Math.abs(bothOf(first, other) - 0.25)).toBeLessThan(NOISE);
    }
    expect(isSame(keptOf({ density: 0.5, seed: 1 }, COUNT), first)).toBe(true);
  });

  it('depends on the index of an element and not on the size of its tensor', () => {
    const [short, long] = [keptOf({ density: 0.5 }, 70_001), keptOf({ density: 0.5 }, 140_000)];
    expect(isSame(long.subarray(0, short.length), short)).toBe(true);
  });
});
