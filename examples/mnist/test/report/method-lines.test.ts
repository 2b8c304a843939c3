import { availableParallelism } from 'node:os';

import { describe, expect, it } from 'vitest';

import { formatMethodLines } from '../../src/report/method-lines.js';
import { finalScores, runOfSeed } from './fixture.js';

describe('formatMethodLines', () => {
  it('writes a line for each method and seed, with what really computed', () => {
    const text = formatMethodLines([
      runOfSeed(1, finalScores(0.5, 0.625, 0.75)),
      runOfSeed(2, finalScores(0.25, 0.375, 0.875)),
    ]);
    const line = (method: string, seed: number, accuracy: number, forwardPasses: number) => ({
      experiment: 'mnist',
      budget: 2,
      seed,
      method,
      accuracy,
      logLoss: 2 * (1 - accuracy / 100),
      forwardPasses,
      machine: `${availableParallelism()} cores, tfjs:<wasm>`,
    });
    expect(text.endsWith('}\n')).toBe(true);
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((each): unknown => JSON.parse(each)),
    ).toEqual([
      line('sgd', 1, 50, 0),
      line('sgd', 2, 25, 0),
      line('swa', 1, 75, 1), // 256 images, 400 at a time
      line('swa', 2, 87.5, 1),
      line('swa/old-bn', 1, 62.5, 0),
      line('swa/old-bn', 2, 37.5, 0),
    ]);
  });
});
