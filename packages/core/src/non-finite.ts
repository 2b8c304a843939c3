// How NaN and infinities are handled.
import { requireWord } from './arguments.js';

/**
 * How NaN and infinities are handled:
 *
 * - `refuse`: the call throws `ERR_NON_FINITE` and changes nothing.
 * - `skip`: the update or batch that has them is left out, counted and reported.
 * - `allow`: they are averaged like other numbers.
 */
export type NonFinitePolicy = 'refuse' | 'skip' | 'allow';

/** Throws unless `policy` is a {@link NonFinitePolicy}. */
export function requirePolicy(call: string, policy: NonFinitePolicy): void {
  requireWord(call, 'nonFinite', policy, ['refuse', 'skip', 'allow']);
}
