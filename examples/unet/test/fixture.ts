// A finished seed with made-up numbers, for the tests of what is shown of it.
import type { SeedRecord } from '../src/results/records.js';
import type { SeedRun } from '../src/run-seed.js';
import type { Score } from '../src/score.js';

/** Four cycles, of which three are averaged; the higher the seed, the better. */
export function finishedRun(seed: number): SeedRun {
  const score = (iou: number): Score => ({ iou: iou + seed / 100, logLoss: (1 - iou) / 10 });
  const pixels = 6 * 48 * 48;
  return {
    settings: {
      seed,
      pictures: 64,
      batchSize: 16,
      cycles: 4,
      cycleEpochs: 2,
      baseLr: 0.01,
      maxLr: 0.2,
      members: 3,
    },
    cycles: [1, 2, 3, 4].map((cycle) => ({
      seed,
      cycle,
      trainLoss: 1 / cycle,
      snapshot: score(0.5 + cycle / 20),
      ...(cycle > 1 && { average: score(0.55 + cycle / 20) }),
    })),
    scores: {
      last: score(0.7),
      ensemble: score(0.74),
      average: score(0.6),
      'average-bn-update': score(0.75),
    },
    masks: {
      last: Array.from({ length: pixels }, (_, index) => index % 2),
      average: Array.from({ length: pixels }, (_, index) => index % 3 && 1),
    },
    seconds: 12,
    bnUpdateBatches: 4,
    weights: { trained: 100, running: 20 },
  };
}

/** The record of such a seed. */
export function finishedRecord(seed: number): SeedRecord {
  return { part: 'test', backend: 'tfjs:wasm', run: finishedRun(seed) };
}
