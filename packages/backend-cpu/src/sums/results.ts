// Results in a memory, and one NaN for all of them: which one arithmetic gives depends on the
// processor.
import type { HalfOrFloatDType } from './sum-kernels.js';

/** Numbers of a dtype; half precision as bits. */
export type Results = Float64Array | Float32Array | Uint16Array;

/** The numbers at an address. */
export function resultsAt(
  { buffer }: Uint8Array,
  address: number,
  dtype: HalfOrFloatDType,
  count: number,
): Results {
  if (dtype === 'float64') return new Float64Array(buffer, address, count);
  if (dtype === 'float32') return new Float32Array(buffer, address, count);
  return new Uint16Array(buffer, address, count);
}

/** Puts the same NaN wherever a sum is one, into results that are rounded from the sums. */
export function replaceNaN(sums: Float64Array, results: Results, dtype: HalfOrFloatDType): void {
  const nan = dtype === 'float16' ? 0x7e00 : dtype === 'bfloat16' ? 0x7fc0 : NaN;
  for (let i = 0; i < sums.length; i += 1) if (Number.isNaN(sums[i])) results[i] = nan;
}
