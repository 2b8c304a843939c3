// The lines of `methods.jsonl`: what each method came to with each seed.
import { ascending } from 'd3-array';

import type { EpochLine } from '../train.js';

/** One method with one seed, after the last epoch. */
export interface MethodLine {
  readonly experiment: string;
  /** In epochs. */
  readonly budget: number;
  readonly seed: number;
  /** A run, or a run and an average of it: `adam/ema-0.99`. */
  readonly method: string;
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
  return methods.toSorted(
    (a, b) =>
      ascending(a.experiment, b.experiment) ||
      ascending(a.budget, b.budget) ||
      ascending(a.method, b.method) ||
      ascending(a.seed, b.seed),
  );
}
