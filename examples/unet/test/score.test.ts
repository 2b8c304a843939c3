import { describe, expect, it } from 'vitest';
import { scoreMasks } from '../src/score.js';

describe('scoreMasks', () => {
  it('divides the foreground of both by the foreground of either', () => {
    const { iou, logLoss } = scoreMasks([0.9, 0.8, 0.7, 0.2, 0.5], [1, 1, 0, 1, 0]);
    expect(iou).toBe(2 / 4);
    const right = [0.9, 0.8, 0.3, 0.2, 0.5];
    expect(logLoss).toBeCloseTo(-right.reduce((sum, p) => sum + Math.log(p), 0) / 5, 12);
  });

  it('is finite where the network is sure and wrong', () => {
    expect(scoreMasks([0, 1], [1, 0])).toEqual({ iou: 0, logLoss: -Math.log(1e-7) });
  });
});
