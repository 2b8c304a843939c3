import { modelStock } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { drive, mergedOf } from './drive.js';

const close = (values: readonly number[]): unknown[] =>
  values.map((value) => expect.closeTo(value, 14));

describe('modelStock', () => {
  it('draws the mean towards the base by the angle between the deltas', () => {
    // cos = 0.6, so t = 2 * 0.6 / 1.6.
    expect(
      mergedOf(
        modelStock(),
        [
          [11, 10],
          [10.6, 10.8],
        ],
        [10, 10],
      ),
    ).toEqual(close([10 + 0.75 * 0.8, 10 + 0.75 * 0.4]));
    // Of different lengths: only the angle counts.
    expect(
      mergedOf(
        modelStock(),
        [
          [15, 0],
          [6, 8],
        ],
        [0, 0],
      ),
    ).toEqual(close([0.75 * 10.5, 0.75 * 4]));
  });

  it('is the mean where all models changed alike', () => {
    expect(
      mergedOf(
        modelStock(),
        [
          [1, 2],
          [2, 4],
          [3, 6],
        ],
        [0, 0],
      ),
    ).toEqual(close([2, 4]));
  });

  it('is the base where the changes do not agree', () => {
    const base = [5, 7];
    // cos = 0, -1 (two models) and -1/2 (three), where the formula has its pole.
    expect(
      mergedOf(
        modelStock(),
        [
          [6, 7],
          [5, 8],
        ],
        base,
      ),
    ).toEqual(base);
    expect(
      mergedOf(
        modelStock(),
        [
          [6, 7],
          [4, 7],
        ],
        base,
      ),
    ).toEqual(base);
    const [half, root] = [0.5, Math.sqrt(0.75)];
    const three = [
      [6, 7],
      [5 - half, 7 + root],
      [5 - half, 7 - root],
    ];
    expect(mergedOf(modelStock(), three, base)).toEqual(base);
  });

  it('counts a model that changed nothing with a cosine of 0', () => {
    // cos = 1/3, so t = 3/5.
    expect(
      mergedOf(
        modelStock(),
        [
          [5, 5],
          [5, 5],
          [0, 0],
        ],
        [0, 0],
      ),
    ).toEqual(close([2, 2]));
    expect(
      mergedOf(
        modelStock(),
        [
          [3, 4],
          [3, 4],
        ],
        [3, 4],
      ),
    ).toEqual([3, 4]);
    expect(
      mergedOf(
        modelStock(),
        [
          [1, 2],
          [3, 4],
        ],
        [3, 4],
      ),
    ).toEqual([3, 4]);
  });

  it('keeps numbers that are not finite to their elements', () => {
    // The third model has no direction, the others the same: cos = 1/3.
    const models = [
      [5, 5],
      [5, 5],
      [5, Number.NaN],
    ];
    expect(mergedOf(modelStock(), models, [0, 0])).toEqual([expect.closeTo(3, 14), Number.NaN]);
  });

  it('takes one pass, and two models at least: one has no angle', () => {
    const models = [Float64Array.of(1), Float64Array.of(2)];
    const base = Float64Array.of(0);
    expect(drive(modelStock(), { name: 'w', models, base }).passes).toBe(1);
    expect(modelStock().models.least).toBe(2);
    expect(modelStock().needsBase).toBe(true);
  });
});
