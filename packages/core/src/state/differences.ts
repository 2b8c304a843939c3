// What does not fit: every difference, in one error.
import { PolyakError } from '../error.js';
import type { PolyakErrorCode } from '../error.js';
import { formatSpec, sameSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';
import type { StateTree } from './state-tree.js';

// As much of a node as a person reads in one message.
const MAX_WRITTEN = 300;

/** How a node differs from what it should be: a problem, or none. */
export function difference(
  what: string,
  found: StateTree | undefined,
  wanted: StateTree,
): readonly string[] {
  if (found !== undefined && json(found) === json(wanted)) return [];
  return [`${what} is ${written(found)}, expected ${written(wanted)}`];
}

/** A counter of a state. */
export function counterAt(what: string, node: StateTree | undefined, problems: string[]): number {
  if (typeof node === 'number' && Number.isSafeInteger(node) && node >= 0) return node;
  problems.push(`${what} is ${written(node)}, expected an integer from 0 to 2^53 - 1`);
  return 0;
}

/** How two sets of tensors are called in messages. */
export interface Sides {
  /** What is to fit, as the subject of a sentence: `it`, `the member`. */
  readonly found: string;
  /** What it is to fit: `the graph`, `the others`. */
  readonly expected: string;
}

/**
 * Every difference between tensors by name: those that are missing, those that are unknown, and
 * those of another dtype or shape.
 *
 * @param found - by name
 * @param expected - by name
 * @param sides - the words for both
 * @returns none where they fit
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

/** What {@link requireFit} says. */
export interface Misfit {
  /** What programs tell it by. */
  readonly code: PolyakErrorCode;
  /** The method. */
  readonly call: string;
  /** What is to fit, such as `the state`. */
  readonly what: string;
  /** What to do about it, a sentence. */
  readonly remedy?: string;
}

/**
 * Refuses what does not fit.
 *
 * @param differences - all of them; none where it fits
 * @param misfit - how to say so
 * @throws PolyakError with the code of `misfit` and every difference
 */
export function requireFit(differences: readonly string[], misfit: Misfit): void {
  if (differences.length === 0) return;
  const { code, call, what, remedy } = misfit;
  const rest = remedy === undefined ? '' : ` ${remedy}`;
  throw new PolyakError(code, `${call}: ${what} does not fit: ${differences.join('; ')}.${rest}`);
}

/** A node of a state as messages give it. JSON has no bigint, which a tensor may hold. */
export function written(node: StateTree | undefined): string {
  if (node === undefined || typeof node === 'number') return String(node);
  const whole = json(node);
  return whole.length > MAX_WRITTEN ? `${whole.slice(0, MAX_WRITTEN)}…` : whole;
}

function json(node: StateTree): string {
  const shown = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value;
  // What JavaScript passes may be a function, which JSON leaves out.
  return (JSON.stringify(node, shown) as string | undefined) ?? typeof node;
}
