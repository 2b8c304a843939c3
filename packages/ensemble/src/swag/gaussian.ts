// The Gaussian that SWAG fits to the collected weights: their mean, their variances, and the last
// deviations from the mean.
import { PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { arrayOf, isFloating } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { allFinite } from '@polyak/core/kit';

/**
 * The Gaussian of the models collected so far. It never changes: a collection makes a new one.
 */
export interface Gaussian {
  /** The number of models collected. */
  readonly nModels: number;
  /** The mean of each floating tensor, in float64. */
  readonly mean: NamedTensors;
  /** Population variances (divided by `nModels`) of each floating tensor, in float64. */
  readonly variance: NamedTensors;
  /**
   * The last `min(nModels, rank)` models, each less the mean of the models up to it, the oldest
   * first, in the dtype of the weights.
   */
  readonly deviations: readonly NamedTensors[];
  /** The tensors that are not floats, as last collected. */
  readonly copies: NamedTensors;
}

/** Before the first collection. */
export const NOTHING: Gaussian = { nModels: 0, mean: {}, variance: {}, deviations: [], copies: {} };

/** A tensor of floats. */
export type FloatArray = Float64Array | Float32Array;

/**
 * `gaussian` with one more model. Mean and variance follow Welford, who takes no difference of
 * large squares: the variance of weights far from 0 keeps its digits.
 *
 * @param gaussian - of the models before
 * @param weights - the model, with finite floats in float32 or float64
 * @param rank - how many deviations to keep
 * @throws PolyakError `ERR_NON_FINITE` where a variance or deviation overflows
 * @see Maddox et al. 2019, https://arxiv.org/abs/1902.02476, algorithm 1
 * @see Welford 1962, Note on a Method for Calculating Corrected Sums of Squares and Products,
 *   https://doi.org/10.1080/00401706.1962.10490022
 */
export function collected(gaussian: Gaussian, weights: NamedTensors, rank: number): Gaussian {
  const tensors = Object.entries(weights);
  const moved = tensors
    .filter(([, { dtype }]) => isFloating(dtype))
    .map(([name, tensor]) => ({ name, ...movedTensor(gaussian, name, tensor) }));
  const named = (key: 'mean' | 'variance' | 'deviation'): NamedTensors =>
    Object.fromEntries(moved.map((parts) => [parts.name, parts[key]]));
  const held = gaussian.deviations.slice(Math.max(0, gaussian.deviations.length + 1 - rank));
  return {
    nModels: gaussian.nModels + 1,
    mean: named('mean'),
    variance: named('variance'),
    deviations: rank > 0 ? [...held, named('deviation')] : [],
    copies: Object.fromEntries(tensors.filter(([, { dtype }]) => !isFloating(dtype))),
  };
}

function movedTensor(
  { nModels, mean: means, variance: variances }: Gaussian,
  name: string,
  { dtype, shape, data: weights }: HostTensor,
): Readonly<Record<'mean' | 'variance' | 'deviation', HostTensor>> {
  const { length } = weights;
  const [oldMean, oldVariance] = [floatsOf(means[name], length), floatsOf(variances[name], length)];
  const [mean, variance] = [new Float64Array(length), new Float64Array(length)];
  const deviation = new (arrayOf(dtype))(length) as FloatArray;
  const count = nModels + 1;
  const share = nModels / count;
  for (let i = 0; i < length; i += 1) {
    const weight = weights[i] as number;
    const step = weight - (oldMean[i] as number);
    const moved = (oldMean[i] as number) + step / count;
    const old = oldVariance[i] as number;
    mean[i] = moved;
    variance[i] = old + (step * share * step - old) / count;
    deviation[i] = weight - moved;
  }
  if (!allFinite('float64', variance) || !allFinite(dtype, deviation)) {
    throw new PolyakError(
      'ERR_NON_FINITE',
      `collect: the variance of "${name}" overflows. The models collected before are unchanged.`,
    );
  }
  return {
    mean: { dtype: 'float64', shape, data: mean },
    variance: { dtype: 'float64', shape, data: variance },
    deviation: { dtype, shape, data: deviation },
  };
}

/** The numbers of a float tensor, zeros where there is none yet. */
export function floatsOf(tensor: HostTensor | undefined, length: number): FloatArray {
  return (tensor?.data as FloatArray | undefined) ?? new Float64Array(length);
}
