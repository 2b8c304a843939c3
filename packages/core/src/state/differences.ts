// Comparing states and tensors: one error lists every difference.
import { excerpt } from '@polyak/safetensors/json';
import { PolyakError } from '../error.js';
import type { PolyakErrorCode } from '../error.js';
import { formatSpec, sameSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';
import type { StateTree } from './state-tree.js';

// The longest excerpt of a node in a message, in characters.
const MAX_WRITTEN = 300;
// As many differences as anyone works through.
const MAX_LISTED = 100;

/** A node of a state as text for messages. */
export function written(node: StateTree | undefined): string {
  return excerpt(node, MAX_WRITTEN);
}

/** The difference of a node from the expected one: one problem, or none. */
export function difference(
  what: string,
  found: StateTree | undefined,
  wanted: StateTree,
): readonly string[] {
  const expected = excerpt(wanted, Infinity);
  // What is longer than that is not read: it may be endless.
  if (excerpt(found, expected.length) === expected) return [];
  return [`${what} is ${written(found)}, expected ${written(wanted)}`];
}

/** The counter at a node. A wrong one is added to `problems`. */
export function counterAt(what: string, node: StateTree | undefined, problems: string[]): number {
  if (typeof node === 'number' && Number.isSafeInteger(node) && node >= 0) return node;
  problems.push(`${what} is ${written(node)}, expected an integer from 0 to 2^53 - 1`);
  return 0;
}

/** The names of two sets of tensors in messages. */
export interface Sides {
  /** The set that is checked, as the subject of a sentence: `it`, `the member`. */
  readonly found: string;
  /** The set that it is compared with: `the graph`, `the others`. */
  readonly expected: string;
}

/**
 * Every difference between two sets of tensors: missing names, unknown names, and other dtypes or
 * shapes.
 *
 * @param found - the specs by name
 * @param expected - the specs by name
 * @param sides - their names in messages
 * @returns the differences; empty if they fit
 */
export function specDifferences(
  found: ReadonlyMap<string, TensorSpec>,
  expected: ReadonlyMap<string, TensorSpec>,
  sides: Sides,
): readonly string[] {
  const missing = [...expected.keys()]
    .filter((name) => !found.has(name))
    .map((name) => `${sides.found} lacks "${name}"`);
  const others = [...found].flatMap(([name, spec]) => {
    const wanted = expected.get(name);
    if (wanted === undefined) return [`${sides.expected} has no "${name}"`];
    if (sameSpec(spec, wanted)) return [];
    return [`"${name}" is ${formatSpec(spec)}, expected ${formatSpec(wanted)}`];
  });
  return [...missing, ...others];
}

/** The error that {@link requireFit} throws. */
export interface Misfit {
  /** The code of the error. */
  readonly code: PolyakErrorCode;
  /** The method that was called. */
  readonly call: string;
  /** What is checked, such as `the state`. */
  readonly what: string;
  /** What to do about it, as a sentence. */
  readonly remedy?: string;
}

/**
 * Throws if there are differences.
 *
 * @param differences - all differences; empty if there are none
 * @param misfit - the parts of the error
 * @throws PolyakError with the code of `misfit` and every difference
 */
export function requireFit(differences: readonly string[], misfit: Misfit): void {
  if (differences.length === 0) return;
  const { code, call, what, remedy } = misfit;
  const listed = differences.slice(0, MAX_LISTED);
  if (listed.length < differences.length) {
    listed.push(`and ${differences.length - listed.length} differences more`);
  }
  const rest = remedy === undefined ? '' : ` ${remedy}`;
  throw new PolyakError(code, `${call}: ${what} does not fit: ${listed.join('; ')}.${rest}`);
}
