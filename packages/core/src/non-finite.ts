// What becomes of numbers that are not finite.
import { described } from './arguments.js';

/**
 * What becomes of NaN and infinities:
 *
 * - `refuse`: the call throws `ERR_NON_FINITE`, and nothing has changed.
 * - `skip`: what has them is left out, counted and reported.
 * - `allow`: they are averaged like other numbers.
 */
export type NonFinitePolicy = 'refuse' | 'skip' | 'allow';

/** Throws unless `policy` is a {@link NonFinitePolicy}. */
export function requirePolicy(call: string, policy: NonFinitePolicy): void {
  if (['refuse', 'skip', 'allow'].includes(policy)) return;
  throw new TypeError(
    `${call}: nonFinite is ${described(policy)}, expected "refuse", "skip" or "allow".`,
  );
}
