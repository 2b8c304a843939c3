// Nodes of a state that may be anything, read with a list of what is wrong with them.
import type { StateTree } from '@polyak/core';

/** The integer >= 0 at `node`, or 0 and a problem. */
export function countOf(node: StateTree | undefined, name: string, problems: string[]): number {
  if (Number.isSafeInteger(node) && Number(node) >= 0) return Number(node);
  problems.push(`${name} is ${shown(node)}, expected an integer >= 0`);
  return 0;
}

/** Whether `node` is an integer in [0, 2^32). */
export function isWord(node: StateTree | undefined): node is number {
  return Number.isInteger(node) && Number(node) >= 0 && Number(node) < 2 ** 32;
}

/** The list at `node`, an empty one where there is none. */
export function listOf(node: StateTree | undefined): readonly StateTree[] {
  return Array.isArray(node) ? (node as readonly StateTree[]) : [];
}

/** A node as messages show it. */
export function shown(node: unknown): string {
  if (Array.isArray(node)) {
    // Not a slice, which asks the list for its class.
    const first = Array.from({ length: Math.min(8, node.length) }, (_, n): unknown => node[n]);
    return `[${first.map((each) => (Array.isArray(each) ? 'a list' : shown(each))).join(',')}]`;
  }
  if (typeof node === 'object' && node !== null) return 'a record';
  return typeof node === 'string' ? JSON.stringify(node.slice(0, 40)) : String(node);
}
