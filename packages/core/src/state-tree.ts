// States as plain data: what JSON holds, and tensors.
import type { HostTensor } from './tensor.js';

/** Plain data: null, booleans, numbers (NaN and infinities too), strings, tensors, and lists and records of these. */
export type StateTree =
  | null
  | boolean
  | number
  | string
  | HostTensor
  | readonly StateTree[]
  | { readonly [key: string]: StateTree };

/**
 * Whether a node of a state is a tensor: the records with a `data` that is a typed array.
 *
 * @param node - any node of a state
 */
export function isTensor(node: StateTree): node is HostTensor {
  return typeof node === 'object' && node !== null && 'data' in node && ArrayBuffer.isView(node.data);
}

/**
 * Whether a node of a state is a list. `Array.isArray` does not tell TypeScript what a node that is none can still be.
 *
 * @param node - any node of a state
 */
export function isList(node: StateTree): node is readonly StateTree[] {
  return Array.isArray(node);
}
