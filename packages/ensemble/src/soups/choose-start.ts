// Where averaging should have begun, found afterwards from snapshots of the run.
import type { NamedTensors } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import type { SignalOptions } from '../signal.js';
import { contribute, memberTerms } from './contribution.js';
import { membersOf, scorer } from './greedy-soup.js';
import type { CheckedMember } from './greedy-soup.js';
import { meanOf } from './mean.js';
import { emptyContents } from './soup-state.js';

/** The result of {@link chooseStart}. */
export interface ChosenStart {
  /** The index of the first snapshot in the best mean. */
  readonly start: number;
  /** That mean. */
  readonly weights: NamedTensors;
  /** The score of the mean from each snapshot on. */
  readonly scores: readonly number[];
}

/**
 * Finds the best `swaStart` after training: scores the mean of the snapshots from the first on,
 * from the second on, and so forth, and takes the best. Of equal scores, the one of more snapshots
 * wins.
 *
 * @param snapshots - weights in the order of the run, at equal distances, one at least; such as the
 *   last ones that fit into memory
 * @param evaluate - the score of weights on held-out data; higher is better. Not on the data of the
 *   final report
 * @param options - see {@link SignalOptions}
 * @returns the start, its mean and all scores
 * @throws RangeError where there are no snapshots, or a score is NaN
 * @throws TypeError where a score is not a number
 * @throws PolyakError as {@link Soup.add}, whatever `evaluate` throws, and the reason of the signal
 */
export async function chooseStart(
  snapshots: readonly NamedTensors[],
  evaluate: (weights: NamedTensors) => Awaitable<number>,
  options: SignalOptions = {},
): Promise<ChosenStart> {
  const call = 'chooseStart';
  const scoreOf = scorer(call, evaluate, options);
  const own = membersOf(call, 'snapshots', snapshots);
  const soup = emptyContents();
  const scores: number[] = [];
  let best:
    { readonly start: number; readonly weights: NamedTensors; readonly score: number } | undefined;
  for (let start = own.length - 1; start >= 0; start -= 1) {
    contribute(call, soup, memberTerms((own[start] as CheckedMember).tensors, 1, 1));
    const weights = meanOf(call, soup);
    const score = await scoreOf(weights);
    scores.unshift(score);
    if (best === undefined || score >= best.score) best = { start, weights, score };
  }
  const { start, weights } = best as { readonly start: number; readonly weights: NamedTensors };
  return { start, weights, scores };
}
