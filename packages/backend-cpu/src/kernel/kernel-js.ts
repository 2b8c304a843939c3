// The averaging kernel in JavaScript, rounding by rounding the same as kernel.wat. One function per
// element type, so that each loop only ever sees one kind of array: a loop that has met two runs at
// half the speed. Eight elements at a time, all loads before all stores: the compiler cannot know
// that the arrays do not overlap, and would wait.
const { fround } = Math;

/**
 * `average += weight * (live - average)`, each operation rounded to float32.
 *
 * @param average - updated in place
 * @param live - of the same length
 * @param weight - rounded to float32 first
 */
export function average32(average: Float32Array, live: Float32Array, weight: number): void {
  const w = fround(weight);
  const { length } = average;
  const stop = length - (length % 8);
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
    const p0 = live[i] as number;
    const p1 = live[i + 1] as number;
    const p2 = live[i + 2] as number;
    const p3 = live[i + 3] as number;
    const p4 = live[i + 4] as number;
    const p5 = live[i + 5] as number;
    const p6 = live[i + 6] as number;
    const p7 = live[i + 7] as number;
    average[i] = fround(a0 + fround(fround(p0 - a0) * w));
    average[i + 1] = fround(a1 + fround(fround(p1 - a1) * w));
    average[i + 2] = fround(a2 + fround(fround(p2 - a2) * w));
    average[i + 3] = fround(a3 + fround(fround(p3 - a3) * w));
    average[i + 4] = fround(a4 + fround(fround(p4 - a4) * w));
    average[i + 5] = fround(a5 + fround(fround(p5 - a5) * w));
    average[i + 6] = fround(a6 + fround(fround(p6 - a6) * w));
    average[i + 7] = fround(a7 + fround(fround(p7 - a7) * w));
  }
  for (; i < length; i += 1) {
    const a = average[i] as number;
    average[i] = fround(a + fround(fround((live[i] as number) - a) * w));
  }
}

/**
 * `average += weight * (live - average)` in float64.
 *
 * @param average - updated in place
 * @param live - of the same length
 * @param weight - not rounded
 */
export function average64(average: Float64Array, live: Float64Array, weight: number): void {
  const { length } = average;
  const stop = length - (length % 4);
  let i = 0;
  for (; i < stop; i += 4) {
    const a0 = average[i] as number;
    const a1 = average[i + 1] as number;
    const a2 = average[i + 2] as number;
    const a3 = average[i + 3] as number;
    const p0 = live[i] as number;
    const p1 = live[i + 1] as number;
    const p2 = live[i + 2] as number;
    const p3 = live[i + 3] as number;
    average[i] = a0 + (p0 - a0) * weight;
    average[i + 1] = a1 + (p1 - a1) * weight;
    average[i + 2] = a2 + (p2 - a2) * weight;
    average[i + 3] = a3 + (p3 - a3) * weight;
  }
  for (; i < length; i += 1) {
    const a = average[i] as number;
    average[i] = a + ((live[i] as number) - a) * weight;
  }
}

/**
 * The update of the value `average + residual`, each operation rounded to float32; see kernel.wat.
 *
 * @param average - updated in place
 * @param residual - updated in place, of the same length
 * @param live - of the same length
 * @param weight - rounded to float32 first
 */
export function averageCompensated32(
  average: Float32Array,
  residual: Float32Array,
  live: Float32Array,
  weight: number,
): void {
  const w = fround(weight);
  const { length } = average;
  for (let i = 0; i < length; i += 1) {
    const a = average[i] as number;
    const c = residual[i] as number;
    const p = live[i] as number;
    const delta = fround(fround(fround(fround(p - a) - c) * w) + c);
    const sum = fround(a + delta);
    const b = fround(sum - a);
    average[i] = sum;
    residual[i] = fround(fround(a - fround(sum - b)) + fround(delta - b));
  }
}

/**
 * The update of the value `average + residual` in float64; see kernel.wat.
 *
 * @param average - updated in place
 * @param residual - updated in place, of the same length
 * @param live - of the same length
 * @param weight - not rounded
 */
export function averageCompensated64(
  average: Float64Array,
  residual: Float64Array,
  live: Float64Array,
  weight: number,
): void {
  const { length } = average;
  for (let i = 0; i < length; i += 1) {
    const a = average[i] as number;
    const c = residual[i] as number;
    const delta = ((live[i] as number) - a - c) * weight + c;
    const sum = a + delta;
    const b = sum - a;
    average[i] = sum;
    residual[i] = a - (sum - b) + (delta - b);
  }
}

/**
 * Whether all elements are finite.
 *
 * @param data - any float32 array
 */
export function allFinite32(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) {
      return false;
    }
  }
  return true;
}

/**
 * Whether all elements are finite.
 *
 * @param data - any float64 array
 */
export function allFinite64(data: Float64Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) {
      return false;
    }
  }
  return true;
}
