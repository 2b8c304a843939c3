// The mean of host tensors that come one after another, in float64.
import type { DType, HostTensor } from '../tensor/tensor.js';
import { halfFromFloat, halfToFloat32 } from './half-arrays.js';

/** The mean of one tensor so far. */
export interface HostMean {
  /** The dtype of the tensors. */
  readonly dtype: DType;
  /** The shape of the tensors. */
  readonly shape: readonly number[];
  /** One value an element. */
  readonly mean: Float64Array;
  /** What rounding has left out of `mean`; for float64 tensors only, which have no spare digits. */
  readonly residual: Float64Array | undefined;
}

/**
 * A mean of one tensor.
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
 * Takes one more tensor into the mean: `mean += share * (tensor - mean)`. Where they are equal, as
 * masks of minus infinity are, the mean stays.
 *
 * @param running - changed
 * @param tensor - of the same spec
 * @param share - of the tensor in the new mean, above 0 and at most 1
 * @returns false where a number of the tensor has no mean with what was before: NaN, or an infinity
 *   in one of them only
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
    // Twice half the distance: the distance itself may overflow. Where this does too, each side is
    // weighed.
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
 * The mean, rounded once to the dtype of the tensors.
 *
 * @param running - not changed
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
