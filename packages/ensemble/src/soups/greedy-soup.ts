// The greedy soup: the mean of those models that do not lower its score.
import type { NamedTensors } from '@polyak/core';
import type { Awaitable, HostTensor } from '@polyak/core/interfaces';
import { abortInTurns, requireFunction, requireOptions, requireSignal } from '@polyak/core/kit';
import type { SignalOptions } from '../signal.js';
import { shown } from '../state-nodes.js';
import { contribute, memberTerms, tensorsOf } from './contribution.js';
import type { Contribution } from './contribution.js';
import { meanOf } from './mean.js';
import { emptyContents } from './soup-state.js';

/** The result of {@link greedySoup}. */
export interface GreedySoup {
  /** The mean of the members that were taken. */
  readonly weights: NamedTensors;
  /** Their indices in the list, the best first. */
  readonly members: readonly number[];
  /** The score of the mean. */
  readonly score: number;
}

/**
 * Begins with the best of `candidates`, and goes on in the order of their scores. Each is added,
 * and stays if the mean does not score lower than before. Each candidate is scored alone, and then
 * each soup: nearly two evaluations for each candidate.
 *
 * @param candidates - weights with the same names and shapes, one at least
 * @param evaluate - the score of weights on held-out data; higher is better: `(weights) =>
 *   parameterSet.withWeights(weights, score)`. Not on the data of the final report
 * @param options - see {@link SignalOptions}
 * @returns the soup
 * @throws RangeError where there are no candidates, or a score is NaN
 * @throws TypeError where a score is not a number
 * @throws PolyakError as {@link Soup.add}, whatever `evaluate` throws, and the reason of the signal
 * @see Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482, recipe 1
 */
export async function greedySoup(
  candidates: readonly NamedTensors[],
  evaluate: (weights: NamedTensors) => Awaitable<number>,
  options: SignalOptions = {},
): Promise<GreedySoup> {
  const call = 'greedySoup';
  const scoreOf = scorer(call, evaluate, options);
  const own = membersOf(call, 'candidates', candidates);
  const scored: { readonly index: number; readonly score: number }[] = [];
  for (const [index, { weights }] of own.entries()) {
    scored.push({ index, score: await scoreOf(weights) });
  }
  // Sorting is stable: of equal scores the earlier candidate comes first.
  scored.sort((a, b) => b.score - a.score);
  const termsOf = (index: number, count: 1 | -1): Contribution =>
    memberTerms((own[index] as CheckedMember).tensors, 1, count);
  const soup = emptyContents();
  const members: number[] = [];
  let best = -Infinity;
  for (const { index, score: alone } of scored) {
    contribute(call, soup, termsOf(index, 1));
    const score = members.length === 0 ? alone : await scoreOf(meanOf(call, soup));
    if (score >= best) {
      best = score;
      members.push(index);
    } else contribute(call, soup, termsOf(index, -1));
  }
  // A new soup, so that integers are those of the last member that stayed.
  const taken = emptyContents();
  for (const index of members) contribute(call, taken, termsOf(index, 1));
  return { weights: meanOf(call, taken), members, score: best };
}

/** A member that {@link membersOf} has checked. */
export interface CheckedMember {
  /** As the caller passed it. */
  readonly weights: NamedTensors;
  /** As a soup takes it. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** The members in a list, checked; one at least. */
export function membersOf(
  call: string,
  what: string,
  list: readonly NamedTensors[],
): readonly CheckedMember[] {
  if (!Array.isArray(list))
    throw new TypeError(`${call}: the ${what} are ${shown(list)}, expected a list.`);
  const members: CheckedMember[] = [];
  for (const weights of list as readonly NamedTensors[]) {
    members.push({ weights, tensors: tensorsOf(call, weights) });
  }
  if (members.length > 0) return members;
  throw new RangeError(`${call}: there are no ${what}.`);
}

/** A function that gives scores: numbers, and not NaN, which compares with nothing. */
export function scorer(
  call: string,
  evaluate: (weights: NamedTensors) => Awaitable<number>,
  options: SignalOptions,
): (weights: NamedTensors) => Promise<number> {
  requireFunction(call, 'evaluate', evaluate);
  const { signal } = requireOptions(call, options, ['signal']);
  requireSignal(call, signal);
  const throwIfAborted = abortInTurns(signal);
  return async (weights) => {
    await throwIfAborted();
    const value: unknown = await evaluate(weights);
    await throwIfAborted();
    if (typeof value !== 'number')
      throw new TypeError(`${call}: evaluate gave ${shown(value)}, expected a number.`);
    if (Number.isNaN(value)) throw new RangeError(`${call}: evaluate gave NaN, expected a number.`);
    return value;
  };
}
