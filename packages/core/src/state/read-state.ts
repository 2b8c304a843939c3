// A state that may be anything, from any file or caller.
import { PolyakError } from '../error.js';
import { isList } from './state-tree.js';
import type { StateTree } from './state-tree.js';

// Far deeper than any state, and far too shallow to overflow the stack.
const MAX_DEPTH = 256;

/**
 * A copy of the lists and records of a state, which shares the arrays of its tensors. Each member
 * is read once: a getter has no second answer after the first was checked.
 *
 * @param call - the method, for messages
 * @param state - anything
 * @returns lists and records of plain members
 * @throws PolyakError `ERR_STATE` if it is nested deeper than 256, such as one that holds itself,
 *   or a list has holes
 */
export function readState(call: string, state: StateTree): StateTree {
  // What is in several places is copied once. Else, a small state could take any time.
  const copies = new Map<StateTree, StateTree>();
  const copyOf = (node: StateTree, depth: number): StateTree => {
    if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return node;
    const known = copies.get(node);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) throw refused(call, `it is nested deeper than ${MAX_DEPTH}`);
    const copy = isList(node)
      ? membersOf(call, node).map((child) => copyOf(child, depth + 1))
      : Object.fromEntries(
          Object.entries(node).map(([key, child]) => [key, copyOf(child, depth + 1)]),
        );
    copies.set(node, copy);
    return copy;
  };
  return copyOf(state, 0);
}

/** The members of a list. One of holes is refused at the first: it may have billions. */
function membersOf(call: string, list: readonly StateTree[]): readonly StateTree[] {
  const members: StateTree[] = [];
  for (let index = 0; index < list.length; index += 1) {
    if (!(index in list)) throw refused(call, 'a list has holes');
    members.push(list[index] as StateTree);
  }
  return members;
}

function refused(call: string, what: string): PolyakError {
  return new PolyakError('ERR_STATE', `${call}: this is not plain data: ${what}.`);
}
