import { describe, expect, it } from 'vitest';

import { linesOf } from '../../src/flatness/collect-flatness.js';

describe('linesOf', () => {
  it('has a line for each point, sorted by the scaling of directions', () => {
    const ray = { seed: 1, solution: 'sgd', norm: 5, distances: [0, 2] };
    const lines = linesOf(
      [
        { ...ray, scaling: 'unit', direction: 0, trainLoss: [1, 2], testError: [10, 20] },
        { ...ray, scaling: 'unit', direction: 1, trainLoss: [1, 4.123456], testError: [10, 50] },
        { ...ray, scaling: 'filter', direction: 0, trainLoss: [1, 3], testError: [10, 30] },
      ],
      100,
    );
    const shared = { budget: 100, seed: 1, method: 'sgd', norm: 5 };
    const [unit, filter] = [
      { ...shared, experiment: 'cifar10-unit' },
      { ...shared, experiment: 'cifar10-filter' },
    ];
    expect(lines).toEqual([
      { ...filter, direction: 0, distance: 0, trainLoss: 1, testError: 10 },
      { ...filter, direction: 0, distance: 2, trainLoss: 3, testError: 30 },
      { ...unit, direction: 0, distance: 0, trainLoss: 1, testError: 10 },
      { ...unit, direction: 0, distance: 2, trainLoss: 2, testError: 20 },
      { ...unit, direction: 1, distance: 0, trainLoss: 1, testError: 10 },
      { ...unit, direction: 1, distance: 2, trainLoss: 4.12346, testError: 50 },
    ]);
  });
});
