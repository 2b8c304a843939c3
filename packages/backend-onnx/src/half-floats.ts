// float16 and bfloat16 to numbers and back: bits, as ONNX Runtime and safetensors hold them.

/** A float of 16 bits. */
interface HalfFormat {
  /** Bits behind the leading one. */
  readonly mantissa: number;
  /** The exponent of the smallest normal number. */
  readonly minExponent: number;
}

/** A dtype of 16 bits. */
export type HalfDType = 'float16' | 'bfloat16';

const FORMATS: Readonly<Record<HalfDType, HalfFormat>> = {
  float16: { mantissa: 10, minExponent: -14 },
  bfloat16: { mantissa: 7, minExponent: -126 },
};

const tables: Partial<Record<HalfDType, Float32Array>> = {};

/**
 * The values of half-precision elements; float32 holds each of them.
 *
 * @param dtype - which of the two formats
 * @param bits - the elements
 * @returns a new array
 */
export function fromHalf(dtype: HalfDType, bits: Uint16Array): Float32Array<ArrayBuffer> {
  const table = (tables[dtype] ??= Float32Array.from({ length: 2 ** 16 }, (_, code) =>
    decode(FORMATS[dtype], code),
  ));
  return Float32Array.from(bits, (code) => table[code] as number);
}

/**
 * Rounds to the nearest half-precision number, ties to even, once.
 *
 * @param dtype - which of the two formats
 * @param values - float64, so that nothing was rounded to float32 before
 * @returns the bits, in a new array
 */
export function toHalf(dtype: HalfDType, values: Float64Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, (value) => encode(FORMATS[dtype], value));
}

function decode({ mantissa, minExponent }: HalfFormat, code: number): number {
  const sign = code >= 2 ** 15 ? -1 : 1;
  const biased = (code & 0x7fff) >> mantissa;
  const fraction = code & (2 ** mantissa - 1);
  if (biased === 2 ** (15 - mantissa) - 1) return fraction === 0 ? sign * Infinity : NaN;
  const steps = biased === 0 ? fraction : fraction + 2 ** mantissa;
  return sign * steps * 2 ** (minExponent - mantissa + Math.max(biased - 1, 0));
}

const view = new DataView(new ArrayBuffer(8));

function encode({ mantissa, minExponent }: HalfFormat, value: number): number {
  const infinity = 0x7fff - (2 ** mantissa - 1);
  if (Number.isNaN(value)) return infinity + 2 ** (mantissa - 1);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  view.setFloat64(0, size);
  // Subnormal float64 are far below the smallest half and take its exponent too.
  const exponent = Math.max(((view.getUint32(0) >>> 20) & 0x7ff) - 1023, minExponent);
  if (exponent > 1 - minExponent) return sign + infinity;
  const steps = roundHalfEven(size / 2 ** (exponent - mantissa));
  // A carry out of the fraction moves on into the exponent, and from the last one to infinity.
  return sign + (exponent - minExponent) * 2 ** mantissa + steps;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
