// The updates as their equations say, one rounding after another: what the kernels must equal bit
// for bit.
import type { FloatArray } from './data.js';

function rounderOf(array: FloatArray): (value: number) => number {
  return array instanceof Float32Array ? Math.fround : (value) => value;
}

/** average += weight * (live - average); where that is not finite, each side is weighed. */
export function referenceAverage(average: FloatArray, live: FloatArray, weight: number): void {
  const round = rounderOf(average);
  average.forEach((a, index) => {
    const p = live[index] ?? NaN;
    const moved = round(a + round(round(p - a) * round(weight)));
    average[index] = Number.isFinite(moved) ? moved : weighed(round, a, p, weight);
  });
}

/** (1 - weight) * average + weight * live. */
function weighed(
  round: (value: number) => number,
  average: number,
  live: number,
  weight: number,
): number {
  const w = round(weight);
  return round(round(round(1 - w) * average) + round(w * live));
}

/**
 * delta = ((live - average) - residual) * weight + residual; average, residual = TwoSum(average,
 * delta). Where these are not finite, each side is weighed, and the residual is 0.
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
    const rest = round(round(a - round(sum - b)) + round(delta - b));
    const isFinite = Number.isFinite(rest);
    average[index] = isFinite ? sum : weighed(round, round(a + c), p, weight);
    residual[index] = isFinite ? rest : 0;
  });
}
