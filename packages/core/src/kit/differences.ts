// What does not fit: every difference, in one error.
import { PolyakError } from '../error.js';
import type { PolyakErrorCode } from '../error.js';
import { formatSpec, sameSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';

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
