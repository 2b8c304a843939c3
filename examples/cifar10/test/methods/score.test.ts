import { describe, expect, it } from 'vitest';

import { binsOf, scoreOf } from '../../src/methods/score.js';

// Three images, two classes: right with 0.9, right with 0.6, wrong with 0.65.
const probabilities = Float64Array.of(0.9, 0.1, 0.4, 0.6, 0.65, 0.35);
const labels = Uint8Array.of(0, 1, 1);

describe('scoreOf', () => {
  it('has the accuracy, and the log-loss of the true classes', () => {
    const { accuracy, logLoss } = scoreOf(probabilities, labels);
    expect(accuracy).toBeCloseTo(2 / 3, 15);
    expect(logLoss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.6) + Math.log(0.35)) / 3, 15);
  });

  it('has the expected calibration error', () => {
    // 0.6 is in the bin (8/15, 9/15], 0.65 in (9/15, 10/15], 0.9 in (13/15, 14/15].
    expect(scoreOf(probabilities, labels).ece).toBeCloseTo((0.1 + 0.4 + 0.65) / 3, 14);
  });

  it('weighs the gaps of bins, not those of images', () => {
    // All in the bin (9/15, 10/15]: confidence 0.64, accuracy 1/2.
    const alike = Float64Array.of(0.62, 0.38, 0.34, 0.66);
    expect(scoreOf(alike, Uint8Array.of(0, 0)).ece).toBeCloseTo(0.14, 14);
  });
});

describe('binsOf', () => {
  it('leaves out empty bins', () => {
    expect(binsOf(probabilities, labels).map(({ count, accuracy }) => [count, accuracy])).toEqual([
      [1, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(binsOf(Float64Array.of(1, 0), Uint8Array.of(0))).toEqual([
      { count: 1, confidence: 1, accuracy: 1 },
    ]);
  });
});
