// What the bits of short floats mean, written down once more, and what rounding to them is.

interface Format {
  readonly bits: 8 | 16;
  readonly fraction: number;
  /** The exponent of the least normal number. */
  readonly least: number;
  /** The first bits, without the sign, that are not finite. */
  readonly end: number;
}

export const FORMATS = {
  float16: { bits: 16, fraction: 10, least: -14, end: 0x7c00 },
  bfloat16: { bits: 16, fraction: 7, least: -126, end: 0x7f80 },
  float8_e5m2: { bits: 8, fraction: 2, least: -14, end: 0x7c },
  float8_e4m3fn: { bits: 8, fraction: 3, least: -6, end: 0x7f },
} as const satisfies Record<string, Format>;

/** The value of a magnitude: what would come next follows the largest number. */
function magnitudeOf(bits: number, { fraction, least }: Format): number {
  const exponent = bits >> fraction;
  const significand = bits & (2 ** fraction - 1);
  return exponent === 0
    ? significand * 2 ** (least - fraction)
    : (2 ** fraction + significand) * 2 ** (least - fraction + exponent - 1);
}

/** The value of all bits. */
export function valueOf(dtype: keyof typeof FORMATS, bits: number): number {
  const format: Format = FORMATS[dtype];
  const signBit = 2 ** (format.bits - 1);
  const magnitude = bits & (signBit - 1);
  const sign = (bits & signBit) === 0 ? 1 : -1;
  if (magnitude < format.end) return sign * magnitudeOf(magnitude, format);
  return magnitude === format.end && dtype !== 'float8_e4m3fn' ? sign * Infinity : NaN;
}

/** The bits of the nearest number, of two that are equally near the even one. */
export function roundedBits(dtype: 'float16' | 'bfloat16', value: number): number {
  const format = FORMATS[dtype];
  if (Number.isNaN(value)) return format.end | (1 << (format.fraction - 1));
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  // The last number that is not above it.
  let [low, high] = [0, format.end];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (magnitudeOf(middle, format) <= size) low = middle;
    else high = middle - 1;
  }
  if (low === format.end) return sign | low;
  // Exact in float64, as is everything that is compared with it.
  const tie = (magnitudeOf(low, format) + magnitudeOf(low + 1, format)) / 2;
  const isUp = size > tie || (size === tie && low % 2 === 1);
  return sign | (isUp ? low + 1 : low);
}

/** The float64 numbers around one, and itself. */
function aroundOf(value: number): readonly number[] {
  const words = new BigInt64Array(1);
  const numbers = new Float64Array(words.buffer);
  return [-1n, 0n, 1n].map((step) => {
    numbers[0] = value;
    words[0] = (words[0] ?? 0n) + step;
    return numbers[0];
  });
}

/** Numbers at, between and right beside those of a format, of both signs, and beyond them. */
export function* roundingCases(dtype: 'float16' | 'bfloat16'): Generator<number> {
  const format = FORMATS[dtype];
  for (let bits = 0; bits <= format.end; bits += 1) {
    const value = magnitudeOf(bits, format);
    const between = (value + magnitudeOf(bits + 1, format)) / 2;
    for (const near of [value, between]) {
      if (near === 0) continue;
      for (const each of aroundOf(near)) yield* [each, -each];
    }
  }
  for (const size of [0, 2 ** -1074, 2 ** -1022, 2 ** 200, Number.MAX_VALUE, Infinity]) {
    yield* [size, -size];
  }
  yield NaN;
}
