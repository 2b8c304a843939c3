// The greedy soup: of many models, those whose mean scores best on held-out data.
import type { NamedTensors } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import { Soup } from './soup.js';

/** The result of {@link greedySoup}. */
export interface GreedySoup {
  /** The mean of the members that were taken. */
  readonly weights: NamedTensors;
  /** Their places in the list, the best first. */
  readonly members: readonly number[];
  /** The score of the mean. */
  readonly score: number;
}

/**
 * Begins with the best of `candidates`, and goes on in the order of their scores: each is added,
 * and stays where the mean does not score worse than before. It scores each candidate alone and
 * then each soup: twice as many evaluations as there are candidates.
 *
 * @param candidates - weights with the same names and shapes, one at least
 * @param evaluate - the score of weights on held-out data, the more the better: `(weights) =>
 *   parameterSet.withWeights(weights, score)`. Not the data that is reported in the end
 * @returns the soup
 * @throws RangeError where there is no candidate, or a score is NaN
 * @throws PolyakError as {@link Soup.add}, and whatever `evaluate` throws
 * @see Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482, recipe 1
 */
export async function greedySoup(
  candidates: readonly NamedTensors[],
  evaluate: (weights: NamedTensors) => Awaitable<number>,
): Promise<GreedySoup> {
  if (candidates.length === 0) throw new RangeError('greedySoup: there is no candidate.');
  const scored: {
    readonly index: number;
    readonly candidate: NamedTensors;
    readonly score: number;
  }[] = [];
  for (const [index, candidate] of candidates.entries()) {
    scored.push({ index, candidate, score: await checkedScore('greedySoup', evaluate(candidate)) });
  }
  // Sorting is stable: of equal scores the earlier candidate comes first.
  scored.sort((a, b) => b.score - a.score);
  const soup = new Soup();
  const members: number[] = [];
  let best = -Infinity;
  for (const { index, candidate, score: alone } of scored) {
    soup.add(candidate);
    const score =
      members.length === 0 ? alone : await checkedScore('greedySoup', evaluate(soup.mean()));
    if (score >= best) {
      best = score;
      members.push(index);
    } else soup.remove(candidate);
  }
  // Made anew of those that stayed: integers are of the last of these.
  const taken = new Soup();
  for (const index of members) taken.add(candidates[index] as NamedTensors);
  return { weights: taken.mean(), members, score: best };
}

/** A score, refused where it is NaN: no comparison with it would tell anything. */
export async function checkedScore(call: string, score: Awaitable<number>): Promise<number> {
  const value = await score;
  if (typeof value !== 'number')
    throw new TypeError(`${call}: evaluate gave ${String(value)}, expected a number.`);
  if (Number.isNaN(value)) throw new RangeError(`${call}: evaluate gave NaN.`);
  return value;
}
