import { describe, expect, it } from 'vitest';

import { linesOf } from '../../src/flatness/collect-flatness.js';

describe('linesOf', () => {
  it('has the means over directions, by seed, solution, scaling and distance', () => {
    const ray = { seed: 1, solution: 'sgd', norm: 5, distances: [0, 2] };
    const lines = linesOf([
      { ...ray, scaling: 'unit', direction: 0, trainLoss: [1, 2], testError: [10, 20] },
      { ...ray, scaling: 'unit', direction: 1, trainLoss: [1, 4], testError: [10, 50] },
      { ...ray, scaling: 'filter', direction: 0, trainLoss: [1, 3], testError: [10, 30] },
    ]);
    const shared = { seed: 1, solution: 'sgd', norm: 5 };
    const [unit, filter] = [
      { ...shared, scaling: 'unit', directions: 2 },
      { ...shared, scaling: 'filter', directions: 1 },
    ];
    expect(lines).toEqual([
      { ...unit, distance: 0, trainLoss: 1, testError: 10 },
      { ...unit, distance: 2, trainLoss: 3, testError: 35 },
      { ...filter, distance: 0, trainLoss: 1, testError: 10 },
      { ...filter, distance: 2, trainLoss: 3, testError: 30 },
    ]);
  });
});
