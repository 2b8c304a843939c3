// The averaging kernel in JavaScript, with the same roundings as kernel.wat. Each element type has
// its own functions: a loop that has seen two types of arrays is slower. Each round loads several
// elements before it stores any, because the compiler cannot know that the arrays do not overlap.
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
  const { length } = to;
  const stop = length - (length % 8);
  // In float64, which no sum of float32 numbers exceeds: finite where all of them are.
  let sum = 0;
  let hasMoved = false;
  let i = 0;
  for (; i < stop; i += 8) {
    const a0 = average[i] as number;
    const a1 = average[i + 1] as number;
    const a2 = average[i + 2] as number;
    const a3 = average[i + 3] as number;
    const a4 = average[i + 4] as number;
    const a5 = average[i + 5] as number;
    const a6 = average[i + 6] as number;
    const a7 = average[i + 7] as number;
    const d0 = fround((live[i] as number) - a0);
    const d1 = fround((live[i + 1] as number) - a1);
    const d2 = fround((live[i + 2] as number) - a2);
    const d3 = fround((live[i + 3] as number) - a3);
    const d4 = fround((live[i + 4] as number) - a4);
    const d5 = fround((live[i + 5] as number) - a5);
    const d6 = fround((live[i + 6] as number) - a6);
    const d7 = fround((live[i + 7] as number) - a7);
    const s0 = fround(a0 + fround(d0 * w));
    const s1 = fround(a1 + fround(d1 * w));
    const s2 = fround(a2 + fround(d2 * w));
    const s3 = fround(a3 + fround(d3 * w));
    const s4 = fround(a4 + fround(d4 * w));
    const s5 = fround(a5 + fround(d5 * w));
    const s6 = fround(a6 + fround(d6 * w));
    const s7 = fround(a7 + fround(d7 * w));
    to[i] = s0;
    to[i + 1] = s1;
    to[i + 2] = s2;
    to[i + 3] = s3;
    to[i + 4] = s4;
    to[i + 5] = s5;
    to[i + 6] = s6;
    to[i + 7] = s7;
    sum += s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7));
    if (!hasMoved) {
      hasMoved =
        d0 !== 0 ||
        d1 !== 0 ||
        d2 !== 0 ||
        d3 !== 0 ||
        d4 !== 0 ||
        d5 !== 0 ||
        d6 !== 0 ||
        d7 !== 0;
    }
  }
  for (; i < length; i += 1) {
    const a = average[i] as number;
    const d = fround((live[i] as number) - a);
    const s = fround(a + fround(d * w));
    to[i] = s;
    sum += s;
    hasMoved ||= d !== 0;
  }
  return statusOf(sum, hasMoved);
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
  const { length } = to;
  const stop = length - (length % 4);
  // 0 while all results are finite, NaN from then on.
  let bad = 0;
  let hasMoved = false;
  let i = 0;
  for (; i < stop; i += 4) {
    const a0 = average[i] as number;
    const a1 = average[i + 1] as number;
    const a2 = average[i + 2] as number;
    const a3 = average[i + 3] as number;
    const d0 = (live[i] as number) - a0;
    const d1 = (live[i + 1] as number) - a1;
    const d2 = (live[i + 2] as number) - a2;
    const d3 = (live[i + 3] as number) - a3;
    const s0 = a0 + d0 * weight;
    const s1 = a1 + d1 * weight;
    const s2 = a2 + d2 * weight;
    const s3 = a3 + d3 * weight;
    to[i] = s0;
    to[i + 1] = s1;
    to[i + 2] = s2;
    to[i + 3] = s3;
    bad += s0 - s0 + (s1 - s1) + (s2 - s2 + (s3 - s3));
    if (!hasMoved) {
      hasMoved = d0 !== 0 || d1 !== 0 || d2 !== 0 || d3 !== 0;
    }
  }
  for (; i < length; i += 1) {
    const a = average[i] as number;
    const d = (live[i] as number) - a;
    const s = a + d * weight;
    to[i] = s;
    bad += s - s;
    hasMoved ||= d !== 0;
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
  const { length } = toAverage;
  // In float64, as in average32.
  let restSum = 0;
  let hasMoved = false;
  for (let i = 0; i < length; i += 1) {
    const a = average[i] as number;
    const c = residual[i] as number;
    const distance = fround((live[i] as number) - a);
    const delta = fround(fround(fround(distance - c) * w) + c);
    const sum = fround(a + delta);
    const b = fround(sum - a);
    const rest = fround(fround(a - fround(sum - b)) + fround(delta - b));
    toAverage[i] = sum;
    toResidual[i] = rest;
    restSum += rest;
    if (!hasMoved) hasMoved = distance !== 0;
  }
  return statusOf(restSum, hasMoved);
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
  const { length } = toAverage;
  let bad = 0;
  let hasMoved = false;
  for (let i = 0; i < length; i += 1) {
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
    if (!hasMoved) hasMoved = distance !== 0;
  }
  return statusOf(bad, hasMoved);
}

function statusOf(total: number, hasMoved: boolean): number {
  return (Number.isFinite(total) ? 0 : NOT_FINITE) | (hasMoved ? MOVED : 0);
}
