// The values of 8-bit floats, by their bits.
import { halfToFloat32 } from '@polyak/core/kit';

/** The 8-bit dtypes. */
export type Float8DType = 'float8_e4m3fn' | 'float8_e5m2';

/** Whether a dtype has 8 bits. */
export function isFloat8(dtype: string): dtype is Float8DType {
  return dtype === 'float8_e4m3fn' || dtype === 'float8_e5m2';
}

/**
 * `sum[i] += weight * values[i]`, in float64.
 *
 * @param sum - of the same length
 * @param bits - the values
 * @param dtype - of the values
 * @param weight - any finite number
 */
export function addFloat8(
  sum: Float64Array,
  bits: Uint8Array,
  dtype: Float8DType,
  weight: number,
): void {
  const table = (tables[dtype] ??= dtype === 'float8_e5m2' ? e5m2() : e4m3fn());
  for (let i = 0; i < sum.length; i += 1) {
    sum[i] = (sum[i] as number) + weight * (table[bits[i] as number] as number);
  }
}

const tables: Partial<Record<Float8DType, Float32Array>> = {};

/** The upper halves of float16 numbers. */
function e5m2(): Float32Array {
  return halfToFloat32(
    'float16',
    Uint16Array.from({ length: 256 }, (_, bits) => bits << 8),
  );
}

/** Without infinities: all bits but the sign set is NaN. */
function e4m3fn(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, bits) => {
    const [sign, exponent, fraction] = [bits & 0x80, (bits >> 3) & 0xf, bits & 7];
    if (exponent === 0xf && fraction === 7) return NaN;
    const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
    return sign === 0 ? magnitude : -magnitude;
  });
}
