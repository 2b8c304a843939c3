import { describe, expect, it } from 'vitest';
import { deviation, marginFactor, mean, pairedDifference } from '@polyak/example-shared/statistics';

describe('mean and deviation', () => {
  it('divide by n and by n - 1', () => {
    // Squares of the distances to 5: 9, 1, 1, 1, 0, 0, 4, 16; their sum is 32, and 32 / 7 = 4.571.
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect(mean(values)).toBe(5);
    expect(deviation(values)).toBeCloseTo(Math.sqrt(32 / 7), 12);
  });

  it('give one value no deviation', () => {
    expect(deviation([3])).toBeUndefined();
  });
});

describe('marginFactor', () => {
  it.each([
    [2, 8.985],
    [3, 2.484],
    [5, 1.242],
    [10, 0.715],
  ])('of %d values is %d, as in tables of Student’s t', (count, expected) => {
    expect(marginFactor(count)).toBeCloseTo(expected, 3);
  });

  it.each([1, 11])('of %d values is refused', (count) => {
    expect(() => marginFactor(count)).toThrow(
      `marginFactor: ${count} values; expected 2 to 10. Add Student's quantile for more to ` +
        'QUANTILES.',
    );
  });
});

describe('pairedDifference', () => {
  it('pairs by seed, whatever the order, and leaves out seeds that one side lacks', () => {
    const values = new Map([
      [4, 99],
      [3, 78.6],
      [1, 77.95],
      [2, 77.4],
    ]);
    const baselines = new Map([
      [1, 77.45],
      [2, 76.85],
      [3, 77.7],
      [5, 0],
    ]);
    // Differences 0.90, 0.50, 0.55: mean 0.65, squares .0625 + .0225 + .01 = .095, sd = √.0475
    // = .217945, and 4.30265 · .217945 / √3 = .541405.
    const difference = pairedDifference(values, baselines);
    expect(difference?.pairs).toHaveLength(3);
    expect(difference?.mean).toBeCloseTo(0.65, 12);
    expect(difference?.margin).toBeCloseTo(0.541405, 5);
  });

  it('of one seed has no interval', () => {
    const difference = pairedDifference(new Map([[7, 2]]), new Map([[7, 1.5]]));
    expect(difference).toEqual({ mean: 0.5, pairs: [{ value: 2, baseline: 1.5 }] });
  });

  it('of no common seed is not there', () => {
    expect(pairedDifference(new Map([[1, 2]]), new Map([[2, 2]]))).toBeUndefined();
  });
});
