// What the seeds of a method have in common, and how it differs from the baseline.
import { deviation, groups, mean } from 'd3-array';

import type { MethodLine } from './methods.js';

/** What all methods are compared with: SGD with an annealed rate, its last weights. */
export const BASELINE = 'sgd';

/** A mean over seeds, with their standard deviation. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** One method over all seeds. */
export interface Summary {
  readonly method: string;
  readonly accuracy: Spread;
  readonly logLoss: Spread;
  readonly ece: Spread;
  /** The accuracy of each seed less that of the baseline with the same seed, in points. */
  readonly differences: readonly { readonly seed: number; readonly points: number }[];
}

/** The methods of one experiment, the most accurate first. */
export function summaries(lines: readonly MethodLine[]): readonly Summary[] {
  const baseline = new Map(
    lines.filter(({ method }) => method === BASELINE).map((line) => [line.seed, line.accuracy]),
  );
  return groups(lines, ({ method }) => method)
    .map(([method, own]) => ({
      method,
      accuracy: spreadOf(own.map(({ accuracy }) => accuracy)),
      logLoss: spreadOf(own.map(({ logLoss }) => logLoss)),
      ece: spreadOf(own.map(({ ece }) => ece)),
      differences: own.map(({ seed, accuracy }) => ({
        seed,
        points: accuracy - (baseline.get(seed) ?? NaN),
      })),
    }))
    .toSorted((a, b) => b.accuracy.mean - a.accuracy.mean);
}

/** The spread of some values. */
export function spreadOf(values: readonly number[]): Spread {
  return { mean: mean(values) ?? NaN, deviation: deviation(values) ?? NaN };
}
