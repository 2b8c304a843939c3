// The search for NaN and infinities in host memory. One loop for each kind of array: a loop that
// has met two is slower.
import type { DType, HostArray } from '@polyak/core';

/**
 * Whether all elements are finite.
 *
 * @param dtype - one of the floating dtypes that ORT has; all others are finite
 * @param data - the elements
 */
export function allFinite(dtype: DType, data: HostArray): boolean {
  if (dtype === 'float32') return allFinite32(data as Float32Array);
  if (dtype === 'float64') return allFinite64(data as Float64Array);
  return dtype !== 'float16' || allFinite16(data as Uint16Array);
}

function allFinite32(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) return false;
  }
  return true;
}

function allFinite64(data: Float64Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) return false;
  }
  return true;
}

/** An exponent of all ones. */
const NOT_FINITE = 0x7c00;

function allFinite16(data: Uint16Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    if (((data[i] as number) & NOT_FINITE) === NOT_FINITE) return false;
  }
  return true;
}
