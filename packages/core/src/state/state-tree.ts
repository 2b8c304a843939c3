// States as plain data: JSON values and tensors.
import type { HostTensor } from '../tensor/tensor.js';

/**
 * Plain data: null, booleans, numbers (NaN and infinities too), strings, tensors, and lists and
 * records of these.
 */
export type StateTree =
  | null
  | boolean
  | number
  | string
  | HostTensor
  | readonly StateTree[]
  | { readonly [key: string]: StateTree };

/**
 * Whether a node of a state is a tensor: a record whose `data` is a typed array.
 *
 * @param node - any node of a state
 */
export function isTensor(node: StateTree): node is HostTensor {
  return (
    typeof node === 'object' && node !== null && 'data' in node && ArrayBuffer.isView(node.data)
  );
}

/**
 * Whether a node of a state is a list. Unlike `Array.isArray`, this also narrows the type of other
 * nodes.
 *
 * @param node - any node of a state
 */
export function isList(node: StateTree): node is readonly StateTree[] {
  return Array.isArray(node);
}

/**
 * The record at a node of an unchecked state; an empty one if the node is not a record.
 *
 * @param node - any node of a state
 */
export function recordOf(node: StateTree | undefined): { readonly [key: string]: StateTree } {
  const isRecord =
    typeof node === 'object' && node !== null && !Array.isArray(node) && !isTensor(node);
  return isRecord ? (node as { readonly [key: string]: StateTree }) : {};
}
