// Half precision in arrays of weights, by loops over bits and a table: `from(array, fn)` takes 10
// to 30 times as long.
import { halfValue } from '../tensor/half.js';

/** The 16-bit dtypes. */
export type HalfDType = 'float16' | 'bfloat16';

/**
 * Converts half-precision elements to float32, which holds each value exactly.
 *
 * @param dtype - the half-precision dtype
 * @param bits - the elements as bits
 * @returns a new array
 */
export function halfToFloat32(dtype: HalfDType, bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(bits.length);
  if (dtype === 'float16') {
    const table = float16Table();
    for (let i = 0; i < bits.length; i += 1) values[i] = table[bits[i] as number] as number;
  } else {
    const words = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i += 1) words[i] = (bits[i] as number) << 16;
  }
  return values;
}

/**
 * Rounds to the nearest half-precision number, ties to even.
 *
 * @param dtype - the half-precision dtype
 * @param values - the numbers; float64 values are rounded only once
 * @returns the bits, in a new array
 */
export function halfFromFloat(
  dtype: HalfDType,
  values: Float32Array | Float64Array,
): Uint16Array<ArrayBuffer> {
  const words =
    values instanceof Float64Array
      ? wordsToOdd(values)
      : new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(words.length);
  if (dtype === 'float16') {
    for (let i = 0; i < words.length; i += 1) bits[i] = float16Bits(words[i] as number);
  } else {
    for (let i = 0; i < words.length; i += 1) bits[i] = bfloat16Bits(words[i] as number);
  }
  return bits;
}

let table: Float32Array | undefined;

function float16Table(): Float32Array {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, code) => halfValue('float16', code));
  return table;
}

/**
 * The bits of float32 numbers rounded to odd: truncated, with the last bit set if that was inexact.
 * Rounding the result to fewer bits gives the same as rounding `values` once. NaN stays NaN.
 */
function wordsToOdd(values: Float64Array): Uint32Array {
  const near = new Float32Array(1);
  const word = new Uint32Array(near.buffer);
  const words = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number;
    near[0] = value;
    const rounded = near[0];
    const found = word[0] as number;
    const isExact = rounded === value;
    words[i] = isExact ? found : (Math.abs(rounded) > Math.abs(value) ? found - 1 : found) | 1;
  }
  return words;
}

const small = new Float32Array(1);
const smallWord = new Uint32Array(small.buffer);

function float16Bits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fff_ffff;
  if (size > 0x7f80_0000) return 0x7e00;
  if (size >= 0x4780_0000) return sign | 0x7c00;
  // A carry out of the fraction increments the exponent, and the last exponent becomes infinity.
  if (size >= 0x3880_0000) {
    return sign | ((size - 0x3800_0000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  }
  // Near 0.5, a float32 has the spacing of subnormal float16.
  smallWord[0] = size;
  small[0] = (small[0] as number) + 0.5;
  return sign | (smallWord[0] - 0x3f00_0000);
}

function bfloat16Bits(word: number): number {
  if ((word & 0x7fff_ffff) > 0x7f80_0000) return 0x7fc0;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}
