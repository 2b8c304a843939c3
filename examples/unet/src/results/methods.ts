// A line for each seed and method, in the format that the examples share.
import type { MethodKey } from '@polyak/example-shared/method-lines';
import { SCORED_PICTURES } from '../problem.js';
import type { SeedRun } from '../run-seed.js';
import type { Score } from '../score.js';

/** What one method is worth with one seed, and what it costs. */
export interface MethodLine extends Score, MethodKey {
  /** Batches of the passes that it needs beside training and one prediction. */
  readonly forwardPasses: number;
  /** What it keeps beside the model while training. */
  readonly memoryBytes: number;
  readonly machine: string;
}

/** The lines of a seed; the budget is that of passes over the training pictures. */
export function methodLines(run: SeedRun, machine: string): readonly MethodLine[] {
  const { settings, cycles, scores, weights } = run;
  const { seed, members, batchSize } = settings;
  const average = { forwardPasses: 0, memoryBytes: 4 * weights.trained };
  const ensemble = {
    forwardPasses: (members - 1) * Math.ceil(SCORED_PICTURES / batchSize),
    memoryBytes: 4 * members * (weights.trained + weights.running),
  };
  const nothing = { forwardPasses: 0, memoryBytes: 0 };
  const methods: readonly (readonly [string, Score, typeof nothing])[] = [
    ...cycles
      .slice(-members, -1)
      .map(({ cycle, snapshot }) => [`snapshot-${cycle}`, snapshot, nothing] as const),
    ['last', scores.last, nothing],
    ['ensemble', scores.ensemble, ensemble],
    ['average', scores.average, average],
    [
      'average-bn-update',
      scores['average-bn-update'],
      { ...average, forwardPasses: run.bnUpdateBatches },
    ],
  ];
  return methods.map(([method, score, cost]) => ({
    experiment: 'unet',
    budget: settings.cycles * settings.cycleEpochs,
    seed,
    method,
    ...score,
    ...cost,
    machine,
  }));
}
