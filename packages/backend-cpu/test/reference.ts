// The updates as their equations say, one rounding after another: what the kernels must equal bit
// for bit.
import type { FloatArray } from './data.js';

function rounderOf(array: FloatArray): (value: number) => number {
  return array instanceof Float32Array ? Math.fround : (value) => value;
}

/** average += weight * (live - average). */
export function referenceAverage(average: FloatArray, live: FloatArray, weight: number): void {
  const round = rounderOf(average);
  average.forEach((a, index) => {
    const p = live[index] ?? NaN;
    average[index] = round(a + round(round(p - a) * round(weight)));
  });
}

/**
 * delta = ((live - average) - residual) * weight + residual; average, residual = TwoSum(average,
 * delta).
 */
export function referenceCompensated(
  average: FloatArray,
  residual: FloatArray,
  live: FloatArray,
  weight: number,
): void {
  const round = rounderOf(average);
  average.forEach((a, index) => {
    const c = residual[index] ?? NaN;
    const p = live[index] ?? NaN;
    const delta = round(round(round(round(p - a) - c) * round(weight)) + c);
    const sum = round(a + delta);
    const b = round(sum - a);
    average[index] = sum;
    residual[index] = round(round(a - round(sum - b)) + round(delta - b));
  });
}
