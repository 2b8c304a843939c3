// The averaging formulas element by element, with each operation rounded to float32.
const { fround } = Math;

/** Values of many magnitudes and both signs. */
export function manyMagnitudes(length: number, seed: number): Float32Array {
  return Float32Array.from(
    { length },
    (_, i) => Math.sin(i * 1.7 + seed * 2.3) * 10 ** (((i * 7 + seed) % 9) - 4),
  );
}

/** The average `a` moved towards `p`. */
export function averaged(a: number, p: number, weight: number): number {
  return fround(a + fround(fround(p - a) * fround(weight)));
}

/**
 * The average `a`, which carries the error `c`, moved towards `p`: the new average, and what it
 * carries.
 */
export function compensated(
  a: number,
  c: number,
  p: number,
  weight: number,
): readonly [number, number] {
  const delta = fround(fround(fround(fround(p - a) - c) * fround(weight)) + c);
  const sum = fround(a + delta);
  // float64 holds a + delta to more bits than the error has, so this is what TwoSum must give.
  return [sum, fround(a + delta - sum)];
}
