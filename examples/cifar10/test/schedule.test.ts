import { describe, expect, it } from 'vitest';

import { learningRate } from '../src/schedule.js';

describe('learningRate', () => {
  it.each([
    [0, 0.1],
    [0.5, 0.1],
    [0.6, 0.0775],
    [0.7, 0.055],
    [0.8, 0.0325],
    [0.9, 0.01],
    [1, 0.01],
  ])('at %f of the budget is %f', (progress, rate) => {
    expect(learningRate(progress, 0.1, 0.01)).toBeCloseTo(rate, 12);
  });

  it('does not know the final rate before half of the budget', () => {
    for (let progress = 0; progress <= 0.5; progress += 0.05) {
      expect(learningRate(progress, 0.1, 0.3)).toBe(learningRate(progress, 0.1, 0.001));
    }
  });

  it('can stay, and rise', () => {
    expect(learningRate(0.7, 0.1, 0.1)).toBe(0.1);
    expect(learningRate(1, 0.1, 0.2)).toBe(0.2);
  });
});
