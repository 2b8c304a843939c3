// The greedy soup of contributions: `greedySoup` of `@polyak/ensemble` for weights that are in
// memory one at a time.
import type { NamedTensors } from '@polyak/core';
import type { TensorSpec } from '@polyak/core/interfaces';
import { Soup } from '@polyak/ensemble';
import type { Store } from '../../store/store.js';
import type { Member } from '../record.js';
import { readTensors } from '../tensor-stream.js';
import { requireSpecs } from './round-weights.js';

/** A greedy soup. */
export interface GreedySoup {
  readonly weights: NamedTensors;
  /** The workers whose contributions it has, the best first. */
  readonly soup: readonly number[];
  readonly score: number;
}

/**
 * Makes a greedy soup. Each member is read twice, and once more where it is not taken.
 *
 * @param specs - of the weights of the round
 * @param scoreOf - a finite number; it may change the weights
 */
export async function greedySoupOf(
  store: Store,
  members: readonly Member[],
  specs: ReadonlyMap<string, TensorSpec>,
  scoreOf: (what: string, weights: NamedTensors) => Promise<number>,
): Promise<GreedySoup> {
  const read = async ({ worker, weights }: Member): Promise<NamedTensors> => {
    const tensors = await readTensors(store, weights);
    requireSpecs(`worker ${worker}`, new Map(Object.entries(tensors)), specs);
    return tensors;
  };
  const scored: { readonly member: Member; readonly score: number }[] = [];
  for (const member of members) {
    const score = await scoreOf(`worker ${member.worker}`, await read(member));
    scored.push({ member, score });
  }
  // Sorting is stable: of equal scores the earlier worker comes first.
  scored.sort((a, b) => b.score - a.score);
  const sums = new Soup();
  const soup: number[] = [];
  let best = -Infinity;
  for (const { member, score: alone } of scored) {
    sums.add(await read(member));
    const what = `the soup with worker ${member.worker}`;
    const score = soup.length === 0 ? alone : await scoreOf(what, sums.mean());
    if (score >= best) {
      best = score;
      soup.push(member.worker);
    } else sums.remove(await read(member));
  }
  return { weights: sums.mean(), soup, score: best };
}
