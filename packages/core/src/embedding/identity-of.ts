// Identities for places that are no objects of their own, such as an entry of a list.
import { described } from '../arguments.js';

const identities = new WeakMap<object, Map<string | number, object>>();

/**
 * An identity for a place that is not an object of its own: the same for each owner and key.
 *
 * @param owner - an object that lives as long as the place, such as a network or a list of weights
 * @param key - what tells the places of one owner apart
 * @returns for `identity` of a parameter
 * @throws TypeError if `owner` is not an object
 *
 * @example
 * ```ts
 * import { identityOf } from '@polyak/core/embedding';
 *
 * const network = { weights: [0.5, 0.25] };
 * console.log(identityOf(network, 0) === identityOf(network, 0)); // true
 * console.log(identityOf(network, 0) === identityOf(network, 1)); // false
 * ```
 */
export function identityOf(owner: object, key: string | number): object {
  // Callers without types may pass anything.
  if (typeof owner !== 'object' || (owner as unknown) === null) {
    throw new TypeError(`identityOf: the owner is ${described(owner)}, expected an object.`);
  }
  const known = identities.get(owner) ?? new Map<string | number, object>();
  identities.set(owner, known);
  const identity = known.get(key) ?? {};
  known.set(key, identity);
  return identity;
}
