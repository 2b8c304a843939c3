// Compares a world with the reference: counters exactly, numbers within the error of float32.
import type { AveragesState } from '@polyak/core';
import { isHalf } from '@polyak/core/interfaces';
import type { Values } from './reference/averages.js';
import type { Truth } from './reference/reference.js';
import { numbersOf } from './world.js';
import type { World } from './world.js';

/** The largest error of an average in a script, as a share of the size of the weights. */
const BOUND = 1e-6;

/** Where the backend is not what the reference says. */
export class Violation extends Error {}

/** Compares counters, and what the model holds. */
export async function compareModel<T>(world: World<T>, truth: Truth): Promise<void> {
  const { holders, model } = truth;
  const { swa, ema } = holders;
  const expected = {
    swa: swa.groups.map(({ nAvg, stepCounter }) => [nAvg, stepCounter]),
    ema: ema.groups[0]?.nAvg,
    lr: truth.lr,
    nSkipped: [swa.nSkipped, ema.nSkipped],
    isSwapped: [model.loans.swa !== undefined, model.loans.ema !== undefined],
  };
  requireSame('the counters', JSON.stringify(world.counters()), JSON.stringify(expected));
  const found = await world.held();
  found.forEach((numbers, place) => {
    const bound = BOUND * world.sizeOf(place);
    const parameter = world.places[place];
    const isRounded = parameter && isHalf(world.backend.spec(parameter.get()).dtype);
    // A swap rounds averages to half precision; statistics are about 1.
    const boundOf = (value: number): number =>
      bound + (isRounded ? 2 ** -11 * Math.abs(value) + 2 ** -25 : 1e-12);
    requireNear(`what place ${place} holds`, [numbers, model.values[place] ?? []], boundOf);
  });
  // What is there is what goes on.
  model.values = found.map((numbers) => [...numbers]);
}

/**
 * Compares the averages of all objects and their counters.
 *
 * @returns the largest error, as a share of the size of the weights
 */
export async function compareAverages<T>(world: World<T>, truth: Truth): Promise<number> {
  const errors = [0];
  for (const of of ['swa', 'ema'] as const) {
    const { groups, isDisposed } = truth.holders[of];
    if (isDisposed) continue;
    const state: AveragesState = await world[of].stateDict();
    for (const [r, name] of world.settings[of].entries()) {
      const { nAvg, swaState } = state.averages[name] ?? {};
      const counts = groups.map((group) => group.nAvg);
      requireSame(`${of}: nAvg of ${name}`, String(nAvg), String(counts));
      for (const { averages, places } of groups) {
        for (const [n, numbers] of averages[r]?.entries() ?? []) {
          const place = places[n] ?? 0;
          const found = swaState?.[world.places[place]?.name ?? ''];
          const what = `${of}: ${name} of place ${place}`;
          const size = world.sizeOf(place);
          const pair = [found ? numbersOf(found) : [], numbers] as const;
          errors.push(requireNear(what, pair, () => BOUND * size) / size);
        }
      }
    }
  }
  return Math.max(...errors);
}

export function requireSame(what: string, found: string, expected: string): void {
  if (found !== expected) throw new Violation(`${what} is ${found}, expected ${expected}`);
}

/** Returns the largest error. */
function requireNear(
  what: string,
  [found, expected]: readonly [Values[number], Values[number]],
  boundOf: (value: number) => number,
): number {
  requireSame(`${what}, its length`, String(found.length), String(expected.length));
  let largest = 0;
  for (const [i, value] of expected.entries()) {
    const one = found[i] ?? NaN;
    const error = Math.abs(one - value);
    const isNear = Number.isFinite(value) ? error <= boundOf(value) : !Number.isFinite(one);
    if (!isNear) requireSame(`${what}, at ${i},`, String(one), `${value} to ${boundOf(value)}`);
    if (error > largest) largest = error;
  }
  return largest;
}
