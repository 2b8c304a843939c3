// What becomes of the elements whose update overflows in its usual form.
import { widened } from './kernel/engine.js';
import type { Elements, Sources, Targets } from './kernel/engine.js';

/**
 * Replaces the elements of an update that are not finite by
 * `(1 - weight) * (average + residual) + weight * live`, each operation rounded to the type of the
 * arrays, and their residuals by 0.
 *
 * The result is finite where the operands are: the usual form overflows only where the two sides
 * have opposite signs, or where `weight` is within a few units in the last place of 1. The error is
 * at most `2.5 * u * max(|average|, |live|)`, where `u` is 2^-24 in float32 and 2^-53 in float64.
 * With a residual, which is rounded away, it is at most `3.5 * u * max(|average|, |live|)`.
 *
 * @param to - the result in the usual form
 * @param from - what it was computed from
 * @param weight - rounded to the type of the arrays first
 * @param allowNonFinite - whether to go on after an element that is not finite even so
 * @returns whether all elements are finite now
 */
export function weighSides(
  to: Targets,
  from: Sources<Elements>,
  weight: number,
  allowNonFinite: boolean,
): boolean {
  const round = to.average.BYTES_PER_ELEMENT === 4 ? Math.fround : (value: number) => value;
  const w = round(weight);
  const kept = round(1 - w);
  // A residual is finite only where its average is.
  const usual = to.residual ?? to.average;
  const live = widened(from.live);
  let isFinite = true;
  for (let i = 0; i < usual.length; i += 1) {
    if (Number.isFinite(usual[i])) continue;
    const value = round((from.average[i] as number) + (from.residual?.[i] ?? 0));
    const next = round(round(kept * value) + round(w * (live[i] as number)));
    to.average[i] = next;
    if (to.residual !== undefined) to.residual[i] = 0;
    isFinite &&= Number.isFinite(next);
    if (!isFinite && !allowNonFinite) return false;
  }
  return isFinite;
}
