// Sums of values of every dtype in JavaScript. Each kind of array has its own loop: one that has
// seen two kinds is slower.
import { halfToFloat32, halfValue } from '@polyak/core/kit';
import type { SumDType } from './sum-kernels.js';

/**
 * `sum[i] += weight * values[i]`, in float64.
 *
 * @param sums - the sums
 * @param buffer - where the values lie
 * @param values - their address
 * @param dtype - of the values
 * @param weight - any finite number
 */
export function addInJs(
  sums: Float64Array,
  buffer: ArrayBufferLike,
  values: number,
  dtype: SumDType,
  weight: number,
): void {
  const count = sums.length;
  switch (dtype) {
    case 'float64':
      addFloat64(sums, new Float64Array(buffer, values, count), weight);
      return;
    case 'float32':
      addFloat32(sums, new Float32Array(buffer, values, count), weight);
      return;
    case 'float16':
    case 'bfloat16': {
      const bits = new Uint16Array(buffer, values, count);
      addFloat32(sums, halfToFloat32(dtype, bits), weight);
      return;
    }
    default: {
      addFloat8(sums, new Uint8Array(buffer, values, count), TABLES[dtype], weight);
    }
  }
}

function addFloat64(sums: Float64Array, values: Float64Array, weight: number): void {
  for (let i = 0; i < sums.length; i += 1) {
    sums[i] = (sums[i] as number) + weight * (values[i] as number);
  }
}

function addFloat32(sums: Float64Array, values: Float32Array, weight: number): void {
  for (let i = 0; i < sums.length; i += 1) {
    sums[i] = (sums[i] as number) + weight * (values[i] as number);
  }
}

function addFloat8(
  sums: Float64Array,
  bits: Uint8Array,
  table: Float32Array,
  weight: number,
): void {
  for (let i = 0; i < sums.length; i += 1) {
    sums[i] = (sums[i] as number) + weight * (table[bits[i] as number] as number);
  }
}

/** The values of the 8-bit dtypes, by their bits. */
const TABLES = {
  float8_e4m3fn: Float32Array.from({ length: 256 }, (_, bits) => e4m3fn(bits)),
  // The upper halves of float16 numbers.
  float8_e5m2: Float32Array.from({ length: 256 }, (_, bits) => halfValue('float16', bits << 8)),
};

/** Without infinities: all bits but the sign set is NaN. */
function e4m3fn(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x80, (bits >> 3) & 0xf, bits & 7];
  if (exponent === 0xf && fraction === 7) return NaN;
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return sign === 0 ? magnitude : -magnitude;
}
