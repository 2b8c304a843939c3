// The lines of `methods.jsonl`, in the format that the examples share.
import { availableParallelism } from 'node:os';

import { formatLines } from '@polyak/example-shared/json-lines';
import { sortedMethods } from '@polyak/example-shared/method-lines';
import { statisticsBatchSize } from '../data/problem.js';
import type { FinalScores, RunResult } from '../run.js';

/** The methods by name, in order, each with the model that it scores. */
const methods = {
  sgd: 'sgd',
  swa: 'swaUpdatedStatistics',
  'swa/old-bn': 'swaOldStatistics',
} as const satisfies Record<string, keyof FinalScores>;

/** A line of JSON for each method and seed, sorted by both. */
export function formatMethodLines(results: readonly RunResult[]): string {
  const lines = Object.entries(methods).flatMap(([method, model]) =>
    results.map((result) => methodLine(result, method, model)),
  );
  return formatLines(sortedMethods(lines));
}

function methodLine(
  { options, settings, final }: RunResult,
  method: string,
  model: keyof FinalScores,
) {
  const { accuracy, loss } = final[model];
  const isUpdated = model === 'swaUpdatedStatistics';
  return {
    experiment: 'mnist',
    budget: options.epochs,
    seed: options.seed,
    method,
    accuracy: 100 * accuracy,
    logLoss: loss,
    forwardPasses: isUpdated ? Math.ceil(settings.trainImages / statisticsBatchSize) : 0,
    machine: `${availableParallelism()} cores, ${settings.backend}`,
  };
}
