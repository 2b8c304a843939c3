// The mean of host tensors that arrive one by one, in float64.
import type { DType, HostTensor } from '../tensor/tensor.js';
import { halfFromFloat, halfToFloat32 } from './half-arrays.js';

/** The mean of one tensor so far. */
export interface HostMean {
  /** The dtype of the tensors. */
  readonly dtype: DType;
  /** The shape of the tensors. */
  readonly shape: readonly number[];
  /** One value per element. */
  readonly mean: Float64Array;
  /** The rounding error of `mean`; only for float64 tensors, which have no spare digits. */
  readonly residual: Float64Array | undefined;
}

/**
 * Starts a mean with one tensor.
 *
 * @param first - a floating tensor; copied
 */
export function startMean(first: HostTensor): HostMean {
  const { dtype, shape } = first;
  const mean = Float64Array.from(floatsOf(first));
  const residual = dtype === 'float64' ? new Float64Array(mean.length) : undefined;
  return { dtype, shape, mean, residual };
}

/**
 * Adds one tensor to the mean: `mean += share * (tensor - mean)`. Equal elements are left alone,
 * such as masks of minus infinity.
 *
 * @param running - the mean, which is changed
 * @param tensor - a tensor of the same spec
 * @param share - the weight of the tensor in the new mean, in (0, 1]
 * @returns false if an element of the new mean is not finite, unless mean and tensor were equal
 *   there
 */
export function addToMean(
  { mean, residual }: HostMean,
  tensor: HostTensor,
  share: number,
): boolean {
  const values = floatsOf(tensor);
  let isFinite = true;
  for (let i = 0; i < mean.length; i += 1) {
    const before = mean[i] as number;
    const value = values[i] as number;
    if (value === before) continue;
    // Halved, since the distance itself may overflow. If this does too, each side is weighted.
    const step = (value * 0.5 - before * 0.5) * share * 2 - (residual?.[i] ?? 0);
    const isUsual = Number.isFinite(before + step);
    const after = isUsual ? before + step : before * (1 - share) + value * share;
    mean[i] = share === 1 ? value : after;
    if (residual !== undefined) residual[i] = share === 1 || !isUsual ? 0 : after - before - step;
    isFinite &&= Number.isFinite(after);
  }
  return isFinite;
}

/**
 * Returns the mean, rounded once to the dtype of the tensors.
 *
 * @param running - the mean, which is not changed
 * @returns a tensor with its own memory
 */
export function finishMean({ dtype, shape, mean }: HostMean): HostTensor {
  if (dtype === 'float32') return { dtype, shape, data: Float32Array.from(mean) };
  if (dtype === 'float16' || dtype === 'bfloat16') {
    return { dtype, shape, data: halfFromFloat(dtype, mean) };
  }
  return { dtype, shape, data: mean.slice() };
}

function floatsOf({ dtype, data }: HostTensor): Float32Array | Float64Array {
  if (dtype === 'float16' || dtype === 'bfloat16') return halfToFloat32(dtype, data as Uint16Array);
  return data as Float32Array | Float64Array;
}
