// The averaging loops for tfjs's cpu backend, whose own element-wise operations are some twenty
// times slower. They round as float32 arithmetic does, so that they agree bit for bit with the
// operations of the other backends.
const { fround } = Math;

/**
 * `to = from + weight * (live - from)`, each operation rounded to float32.
 *
 * @param to - receives the result; may be `from`
 * @param from - the average
 * @param live - of the same length
 * @param weight - rounded to float32 first
 */
export function average(
  to: Float32Array,
  from: Float32Array,
  live: Float32Array,
  weight: number,
): void {
  const w = fround(weight);
  for (let i = 0; i < from.length; i += 1) {
    const a = from[i] as number;
    to[i] = fround(a + fround(fround((live[i] as number) - a) * w));
  }
}

/** An average with the rounding error that it carries: the value is `average + residual`. */
export interface CompensatedArrays {
  readonly average: Float32Array;
  readonly residual: Float32Array;
}

/**
 * The update of `average + residual`: `delta = ((live - average) - residual) * weight + residual`,
 * then TwoSum (Knuth) of average and delta, each operation rounded to float32.
 *
 * @param to - receives the result; its arrays may be those of `from`
 * @param from - the pair
 * @param live - of the same length
 * @param weight - rounded to float32 first
 */
export function averageCompensated(
  to: CompensatedArrays,
  from: CompensatedArrays,
  live: Float32Array,
  weight: number,
): void {
  const w = fround(weight);
  const { average: toAverage, residual: toResidual } = to;
  const { average: fromAverage, residual: fromResidual } = from;
  for (let i = 0; i < fromAverage.length; i += 1) {
    const a = fromAverage[i] as number;
    const c = fromResidual[i] as number;
    const delta = fround(fround(fround(fround((live[i] as number) - a) - c) * w) + c);
    const sum = fround(a + delta);
    const b = fround(sum - a);
    toAverage[i] = sum;
    toResidual[i] = fround(fround(a - fround(sum - b)) + fround(delta - b));
  }
}

/** Whether all elements are finite. */
export function isAllFinite(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) return false;
  }
  return true;
}
