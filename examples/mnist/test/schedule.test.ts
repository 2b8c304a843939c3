import { describe, expect, it } from 'vitest';

import { scheduleFactor } from '../src/schedule.js';

describe('scheduleFactor', () => {
  it.each([
    [0, 1],
    [0.25, 1],
    [0.5, 1],
    [0.6, 0.7525],
    [0.7, 0.505],
    [0.8, 0.2575],
    [0.9, 0.01],
    [0.95, 0.01],
    [1, 0.01],
    [1.5, 0.01],
  ])('at progress %d with a final ratio of 0.01 is %d', (progress, factor) => {
    expect(scheduleFactor(progress, 0.01)).toBeCloseTo(factor, 12);
  });

  it.each([0, 0.5, 0.7, 0.9, 1])('never moves with a final ratio of 1 (progress %d)', (progress) => {
    expect(scheduleFactor(progress, 1)).toBe(1);
  });

  it('is continuous at both corners', () => {
    expect(scheduleFactor(0.5 + 1e-9, 0.01)).toBeCloseTo(1, 7);
    expect(scheduleFactor(0.9 - 1e-9, 0.01)).toBeCloseTo(0.01, 7);
  });
});
