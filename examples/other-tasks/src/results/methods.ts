// The lines of `methods.jsonl`: what each method came to with each seed.
import { sortedMethods } from '@polyak/example-shared/method-lines';
import type { MethodKey } from '@polyak/example-shared/method-lines';

import type { EpochLine } from '../train.js';

/** One method with one seed, after the last epoch: a run, or a run and an average of it. */
export interface MethodLine extends MethodKey {
  /** In percent. */
  readonly accuracy: number;
  /** In nats. */
  readonly logLoss: number;
  readonly ece: number;
  readonly forwardPasses?: number;
  readonly memoryBytes?: number;
  readonly machine?: string;
}

/** The methods of some trainings, sorted by experiment, method and seed. */
export function methodsOf(lines: readonly EpochLine[]): readonly MethodLine[] {
  const methods = lines.flatMap(({ task, epoch, seed, run, scores = {}, costs, machine }) =>
    costs === undefined
      ? []
      : Object.entries(scores).map(([average, score]) => ({
          experiment: task,
          budget: epoch,
          seed,
          method: average === 'live' ? run : `${run}/${average}`,
          ...score,
          ...costs[average],
          ...(machine !== undefined && { machine }),
        })),
  );
  return sortedMethods(methods);
}
