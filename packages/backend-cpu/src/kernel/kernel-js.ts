// The averaging kernel in JavaScript, with the same roundings as kernel.wat. Each element type has
// its own functions: a loop that has seen two types of arrays is slower.
import { MOVED, NOT_FINITE } from './engine.js';

const { fround } = Math;

/**
 * `to = average + weight * (live - average)`, each operation rounded to float32.
 *
 * @param to - receives the new average
 * @param average - of the same length
 * @param live - of the same length
 * @param weight - rounded to float32 first
 * @returns NOT_FINITE and MOVED
 */
export function average32(
  to: Float32Array,
  average: Float32Array,
  live: Float32Array,
  weight: number,
): number {
  const w = fround(weight);
  // In float64, which no sum of float32 numbers exceeds: finite where all of them are.
  let total = 0;
  let hasMoved = false;
  for (let i = 0; i < to.length; i += 1) {
    const a = average[i] as number;
    const distance = fround((live[i] as number) - a);
    const sum = fround(a + fround(distance * w));
    to[i] = sum;
    total += sum;
    if (distance !== 0) hasMoved = true;
  }
  return statusOf(total, hasMoved);
}

/**
 * `to = average + weight * (live - average)` in float64.
 *
 * @param to - receives the new average
 * @param average - of the same length
 * @param live - of the same length
 * @param weight - not rounded
 * @returns NOT_FINITE and MOVED
 */
export function average64(
  to: Float64Array,
  average: Float64Array,
  live: Float64Array,
  weight: number,
): number {
  // 0 while all results are finite, NaN from then on.
  let bad = 0;
  let hasMoved = false;
  for (let i = 0; i < to.length; i += 1) {
    const a = average[i] as number;
    const distance = (live[i] as number) - a;
    const sum = a + distance * weight;
    to[i] = sum;
    bad += sum - sum;
    if (distance !== 0) hasMoved = true;
  }
  return statusOf(bad, hasMoved);
}

/** An average with the rounding error that it carries. */
interface Compensated<A> {
  readonly average: A;
  readonly residual: A;
}

/**
 * The update of the value `average + residual`, each operation rounded to float32; see kernel.wat.
 *
 * @param to - receives both
 * @param from - arrays of the same length
 * @param weight - rounded to float32 first
 * @returns NOT_FINITE and MOVED
 */
export function averageCompensated32(
  to: Compensated<Float32Array>,
  from: Compensated<Float32Array> & { readonly live: Float32Array },
  weight: number,
): number {
  const { average: toAverage, residual: toResidual } = to;
  const { average, residual, live } = from;
  const w = fround(weight);
  // In float64, as in average32.
  let total = 0;
  let hasMoved = false;
  for (let i = 0; i < toAverage.length; i += 1) {
    const a = average[i] as number;
    const c = residual[i] as number;
    const distance = fround((live[i] as number) - a);
    const delta = fround(fround(fround(distance - c) * w) + c);
    const sum = fround(a + delta);
    const b = fround(sum - a);
    const rest = fround(fround(a - fround(sum - b)) + fround(delta - b));
    toAverage[i] = sum;
    toResidual[i] = rest;
    total += rest;
    if (distance !== 0) hasMoved = true;
  }
  return statusOf(total, hasMoved);
}

/**
 * The update of the value `average + residual` in float64; see kernel.wat.
 *
 * @param to - receives both
 * @param from - arrays of the same length
 * @param weight - not rounded
 * @returns NOT_FINITE and MOVED
 */
export function averageCompensated64(
  to: Compensated<Float64Array>,
  from: Compensated<Float64Array> & { readonly live: Float64Array },
  weight: number,
): number {
  const { average: toAverage, residual: toResidual } = to;
  const { average, residual, live } = from;
  let bad = 0;
  let hasMoved = false;
  for (let i = 0; i < toAverage.length; i += 1) {
    const a = average[i] as number;
    const c = residual[i] as number;
    const distance = (live[i] as number) - a;
    const delta = (distance - c) * weight + c;
    const sum = a + delta;
    const b = sum - a;
    const rest = a - (sum - b) + (delta - b);
    toAverage[i] = sum;
    toResidual[i] = rest;
    bad += rest - rest;
    if (distance !== 0) hasMoved = true;
  }
  return statusOf(bad, hasMoved);
}

function statusOf(total: number, hasMoved: boolean): number {
  return (Number.isFinite(total) ? 0 : NOT_FINITE) | (hasMoved ? MOVED : 0);
}
