import { rescaledWeights, rowRanges } from '@polyak/checkpoints/names';
import { describe, expect, it } from 'vitest';

describe('rowRanges', () => {
  it.each([
    [[5, 5], [{ begin: 0, end: 5, models: [0, 1] }]],
    [
      [10, 12, 10, 15],
      [
        { begin: 0, end: 10, models: [0, 1, 2, 3] },
        { begin: 10, end: 12, models: [1, 3] },
        { begin: 12, end: 15, models: [3] },
      ],
    ],
    [[0, 2], [{ begin: 0, end: 2, models: [1] }]],
    [[0, 0], []],
  ])('cuts %j', (counts, expected) => {
    expect(rowRanges(counts)).toEqual(expected);
  });
});

describe('rescaledWeights', () => {
  it.each([
    ['means', [0.25, 0.25, 0.25, 0.25], [1, 3], [0.5, 0.5]],
    ['weights that do not sum to 1', [1, 2, 3], [0, 2], [1.5, 4.5]],
    ['all models', [3, -1], [0, 1], [3, -1]],
    ['weights that sum to 0, as do all', [0, 0, 0], [0, 1], [0, 0]],
  ])('keeps the sum of %s', (_, weights, models, expected) => {
    expect(rescaledWeights(weights, models)).toEqual(expected);
  });

  it('refuses weights that cancel', () => {
    expect(() => rescaledWeights([1, -1, 2], [0, 1])).toThrow(RangeError);
  });
});
