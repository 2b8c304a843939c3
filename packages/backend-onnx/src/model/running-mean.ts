// The mean of tensors that come one after another, in float64.
import type { DType, HostTensor } from '@polyak/core';
import { fromHalf, toHalf } from '../half-floats.js';

/** The mean of one tensor so far. */
export interface RunningMean {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** One value an element. */
  readonly mean: Float64Array;
  /**
   * What rounding has left out of `mean`; only for float64 tensors, which have no spare digits
   * otherwise.
   */
  readonly residual: Float64Array | undefined;
}

/**
 * A mean of one tensor.
 *
 * @param first - copied
 * @returns undefined where the tensor holds NaN
 */
export function startMean(first: HostTensor): RunningMean | undefined {
  const { dtype, shape } = first;
  const mean = Float64Array.from(valuesOf(first));
  if (mean.some(Number.isNaN)) return undefined;
  return {
    dtype,
    shape,
    mean,
    residual: dtype === 'float64' ? new Float64Array(mean.length) : undefined,
  };
}

/**
 * Takes one more tensor into the mean: `mean += ratio * (tensor - mean)`, and where they are equal,
 * as constants and masks of minus infinity are, nothing.
 *
 * @param running - changed
 * @param tensor - of the same spec
 * @param ratio - the tensor's share, above 0 and at most 1
 * @returns false where a number of the tensor has no mean with what was before: NaN, or an infinity
 * in one only
 */
export function addToMean(
  { mean, residual }: RunningMean,
  tensor: HostTensor,
  ratio: number,
): boolean {
  const values = valuesOf(tensor);
  let isFinite = true;
  for (let index = 0; index < mean.length; index += 1) {
    const before = mean[index] as number;
    const value = values[index] as number;
    if (value === before) continue;
    // Twice half the distance, which cannot overflow.
    const step = (value * 0.5 - before * 0.5) * ratio * 2 - (residual?.[index] ?? 0);
    const after = before + step;
    mean[index] = ratio === 1 ? value : after;
    if (residual !== undefined) residual[index] = ratio === 1 ? 0 : after - before - step;
    isFinite &&= Number.isFinite(step);
  }
  return isFinite;
}

/**
 * The mean, rounded once to the dtype of the tensors.
 *
 * @param running - not changed
 * @returns a tensor with its own memory
 */
export function finishMean({ dtype, shape, mean }: RunningMean): HostTensor {
  if (dtype === 'float32') return { dtype, shape, data: Float32Array.from(mean) };
  if (dtype === 'float16' || dtype === 'bfloat16')
    return { dtype, shape, data: toHalf(dtype, mean) };
  return { dtype, shape, data: mean };
}

function valuesOf({ dtype, data }: HostTensor): Float32Array | Float64Array {
  if (dtype === 'float16' || dtype === 'bfloat16') return fromHalf(dtype, data as Uint16Array);
  return data as Float32Array | Float64Array;
}
