import { ties } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { gaussian } from '../../../../tests/support/sgd.js';
import { drive, mergedOf } from './drive.js';

describe('ties', () => {
  const base = [0, 0, 0, 0, 0];

  it('keeps the largest deltas of each model', () => {
    const model = [1, -5, 3, -2, 4];
    expect(mergedOf(ties({ density: 0.4 }), [model], base)).toEqual([0, -5, 0, 0, 4]);
    expect(mergedOf(ties({ density: 0.6, lambda: 2 }), [model], base)).toEqual([0, -10, 6, 0, 8]);
    expect(mergedOf(ties({ density: 1 }), [model], base)).toEqual(model);
  });

  it('keeps one delta at least, and all that are as large as the last it keeps', () => {
    expect(mergedOf(ties({ density: 1e-9 }), [[1, -5, 3, -2, 4]], base)).toEqual([0, -5, 0, 0, 0]);
    expect(mergedOf(ties({ density: 0.4 }), [[1, -3, 3, 3, 4]], base)).toEqual([0, -3, 3, 3, 4]);
    expect(mergedOf(ties({ density: 0.2 }), [[2, 2, 2, 2, -2]], base)).toEqual([2, 2, 2, 2, -2]);
  });

  it('averages over the models that have the elected sign', () => {
    const models = [
      [4, -1, 3, 1, 0],
      [2, -3, -1, -1, 2],
      [-1, 2, -1, 3, 4],
    ];
    expect(mergedOf(ties({ density: 1 }), models, base)).toEqual([3, -2, 3, 2, 3]);
    expect(mergedOf(ties({ density: 1, elect: 'count' }), models, base)).toEqual([3, -2, -1, 2, 3]);
    const weights = [1, 1, 3];
    expect(mergedOf(ties({ density: 1, weights }), models, base)).toEqual([3, 2, -1, 2.5, 3.5]);
    // A negative weight turns a model's deltas around.
    const turned = ties({ density: 1, weights: [1, -1] });
    expect(mergedOf(turned, [[4], [-2]], [0])).toEqual([3]);
  });

  it('keeps the base where no sign is elected', () => {
    const models = [
      [5, 7, 2, 3],
      [5, 3, 6, 3],
    ];
    expect(mergedOf(ties({ density: 1 }), models, [5, 5, 4, 2])).toEqual([5, 5, 4, 3]);
    const count = ties({ density: 1, elect: 'count' });
    expect(mergedOf(count, models, [5, 4, 4, 2])).toEqual([5, 4, 4, 3]);
    expect(
      mergedOf(
        ties({ density: 0.2 }),
        [
          [1, 2],
          [1, 2],
        ],
        [1, 2],
      ),
    ).toEqual([1, 2]);
  });

  it('is the same with all signs turned', () => {
    const normal = gaussian();
    const values = (): Float64Array =>
      Float64Array.from({ length: 999 }, () => Math.round(normal() * 3));
    const models = [values(), values(), values(), values()];
    const turned = models.map((model) => model.map((value) => -value));
    const zero = new Float64Array(999);
    for (const elect of ['sum', 'count'] as const) {
      const method = ties({ density: 0.5, elect });
      const { merged } = drive(method, { name: 'w', models, base: zero });
      const { merged: other } = drive(method, { name: 'w', models: turned, base: zero });
      expect(merged.map((value) => 0 - value)).toEqual(other.map((value) => 0 + value));
      expect(merged.some((value) => value > 0)).toBe(true);
    }
  });

  it('keeps NaN to its element, and does not lose it', () => {
    const models = [
      [1, Number.NaN, 3],
      [3, 5, 5],
    ];
    for (const elect of ['sum', 'count'] as const) {
      const method = ties({ density: 0.4, elect });
      expect(mergedOf(method, models, [0, 0, 0])).toEqual([0, Number.NaN, 5]);
    }
  });

  it('needs no pass where nothing is trimmed', () => {
    const tensors = { name: 'w', models: [Float64Array.of(1, 2)], base: Float64Array.of(2, 4) };
    expect(drive(ties({ density: 1 }), tensors).passes).toBe(0);
    expect(drive(ties({ density: 0.5 }), tensors).passes).toBe(1);
    expect(mergedOf(ties({ density: 0.5 }), [[]], [])).toEqual([]);
  });

  it('refuses options of other names and ranges', () => {
    const make =
      (options: object): (() => unknown) =>
      () =>
        ties({ density: 0.5, ...options });
    expect(make({ density: 0 })).toThrow('ties: density is 0, expected a number in (0, 1].');
    expect(make({ density: undefined })).toThrow('density is missing');
    expect(make({ elect: 'most' })).toThrow('elect is "most", expected "sum" or "count"');
    expect(make({ seed: 1 })).toThrow('there is no option "seed"');
  });
});

describe('the trimming of ties', () => {
  /** How many deltas of one model are trimmed or kept otherwise than by a sort. */
  function trimmed(
    deltas: Float64Array,
    density: number,
  ): { readonly wrong: number; readonly passes: number } {
    const base = new Float64Array(deltas.length);
    const method = ties({ density });
    const { merged, passes } = drive(method, { name: 'w', models: [deltas], base });
    const sizes = deltas.map(Math.abs).toSorted();
    const threshold = sizes.at(-Math.max(1, Math.floor(density * deltas.length))) ?? 0;
    let wrong = 0;
    for (const [i, delta] of deltas.entries()) {
      if (merged[i] !== (Math.abs(delta) >= threshold ? delta : 0)) wrong += 1;
    }
    return { wrong, passes };
  }

  const LARGE = 2 ** 19 + 12_345;
  const normal = gaussian();
  const made = (length: number, value: (i: number) => number): Float64Array =>
    Float64Array.from({ length }, (_, i) => value(i));
  const ULP = 2 ** -52;

  it.each([1, 2, 64, 65, 1000, 2 ** 16 + 1, 2 ** 18])('is exact for %d numbers', (length) => {
    for (const density of [1e-9, 0.2, 0.5, 0.999]) {
      for (const deltas of [
        made(length, normal),
        made(length, (i) => i),
        made(length, (i) => -i),
        made(length, (i) => i % 3),
        made(length, (i) => (i % 2 === 0 ? i : -i) * 2 ** -1074),
      ]) {
        expect(trimmed(deltas, density).wrong).toBe(0);
      }
    }
  });

  it.each<readonly [string, number, Float64Array]>([
    ['normal', 2, made(LARGE, normal)],
    ['all equal', 2, made(LARGE, () => -0.3)],
    ['zero', 2, new Float64Array(LARGE)],
    ['few values', 2, made(LARGE, (i) => (i % 7) - 3)],
    ['close together', 3, made(LARGE, (i) => 1 + i * 1.9 * 2 ** -27)],
    ['closer together', 4, made(LARGE, (i) => 1 + i * 1.9 * 2 ** -45)],
    ['neighbours', 4, made(LARGE, (i) => 1 + i * ULP)],
    ['repeated neighbours', 4, made(LARGE, (i) => 1 + (i % 512) * ULP)],
    ['subnormal', 4, made(LARGE, (i) => (i % 400) * 2 ** -1074)],
    ['of any size', 2, made(LARGE, (i) => (normal() > 0 ? 1 : -1) * 2 ** ((i % 2098) - 1074))],
    ['infinite', 2, made(LARGE, (i) => (i % 2 === 0 ? Infinity : i))],
  ])('is exact for large tensors that are %s, in at most %d passes', (_, most, deltas) => {
    for (const density of [1e-9, 0.3]) {
      const { wrong, passes } = trimmed(deltas, density);
      expect(wrong).toBe(0);
      expect(passes).toBeLessThanOrEqual(most);
    }
  });

  it('is exact for a sequence that defeats the median of three', () => {
    const length = 2 ** 17;
    const deltas = new Float64Array(length);
    const half = length / 2;
    for (let i = 1; i <= half; i += 1) {
      deltas[i - 1] = i % 2 === 1 ? i : half + i - 1;
      deltas[half + i - 1] = 2 * i;
    }
    const start = performance.now();
    expect(trimmed(deltas, 0.5).wrong).toBe(0);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
