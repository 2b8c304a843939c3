import { describe, expect, it } from 'vitest';
import { quantile } from '../src/measure/quantile.js';
import { isTooNoisy } from '../src/measure/spread.js';

describe('quantile', () => {
  it.each([
    [[3], 0.5, 3],
    [[5, 1, 3], 0.5, 3],
    [[5, 1, 4, 2, 3], 0.25, 2],
    [[5, 1, 4, 2, 3], 0.75, 4],
    [[10, 9, 2], 1, 10],
  ])('of %j at %d is %d', (values, fraction, expected) => {
    expect(quantile(values, fraction)).toBe(expected);
  });
});

describe('isTooNoisy', () => {
  it.each([
    [1, [0.9, 1.1], 31, false],
    [1, [0.83, 1.18], 31, false],
    [1, [0.82, 1.18], 31, true],
    [10, [8.3, 11.8], 31, false],
    [1, [0.7, 1.3], 93, false],
    [1, [0.9, 1.1], 7, true],
    [NaN, [NaN, NaN], 31, true],
    [Infinity, [1, Infinity], 31, true],
  ] as const)('of ratio %d, quartiles %j, %d pairs is %s', (ratio, quartiles, pairs, expected) => {
    expect(isTooNoisy({ ratio, quartiles, pairs })).toBe(expected);
  });
});
