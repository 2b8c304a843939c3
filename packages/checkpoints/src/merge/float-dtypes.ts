// The dtypes whose elements are merged: floating-point numbers.
import type { SumDType } from '@polyak/backend-cpu/sums';

/** The dtypes that an output can have. */
export type OutputDType = 'float64' | 'float32' | 'float16' | 'bfloat16';

/** All of them. */
export const OUTPUT_DTYPES: readonly OutputDType[] = ['float64', 'float32', 'float16', 'bfloat16'];

const BYTES: Readonly<Record<SumDType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
};

/** The bytes of one element. */
export function bytesOf(dtype: SumDType): number {
  return BYTES[dtype];
}

/** Whether the elements of a dtype can be merged. */
export function isMergeable(dtype: string): dtype is SumDType {
  return Object.hasOwn(BYTES, dtype);
}
