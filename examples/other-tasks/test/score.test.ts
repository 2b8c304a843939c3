import { describe, expect, it } from 'vitest';

import { scoreOf } from '../src/score.js';

describe('a score', () => {
  it('is the accuracy, the log loss and the calibration error', () => {
    const probabilities = Float32Array.of(0.75, 0.25, 0.625, 0.375, 0.25, 0.75, 0.03125, 0.96875);
    const { accuracy, logLoss, ece } = scoreOf(
      probabilities,
      { labels: Uint8Array.of(0, 1, 1, 1) },
      2,
    );
    expect(accuracy).toBe(75);
    expect(logLoss).toBeCloseTo(-Math.log(0.75 * 0.375 * 0.75 * 0.96875) / 4, 12);
    // Bins: 0.75 and 0.75, both right; 0.625, wrong; 0.96875, right.
    expect(ece).toBeCloseTo((0.5 + 0.625 + 0.03125) / 4, 12);
  });

  it('takes a probability of 0 for the smallest one, and 1 into the last bin', () => {
    const { logLoss, ece } = scoreOf(Float32Array.of(1, 0), { labels: Uint8Array.of(1) }, 2);
    expect(logLoss).toBeCloseTo(126 * Math.LN2, 12);
    expect(ece).toBe(1);
  });
});
