// One draw from the Gaussian of SWAG.
import type { NamedTensors } from '@polyak/core';
import { arrayOf, elementCount, isFloating } from '@polyak/core/interfaces';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { copyOf } from '../copies.js';
import { floatsOf } from './gaussian.js';
import type { FloatArray, Gaussian } from './gaussian.js';

/** Which distribution a sample is drawn from. */
export interface SampleDistribution {
  /** The factor of the covariance. */
  readonly scale: number;
  /** Whether each tensor is drawn independently of the others. */
  readonly block: boolean;
}

/**
 * Weights `mean + sqrt(scale) * (sqrt(variance / 2) * z1 + deviations^T z2 / sqrt(2 (K - 1)))`,
 * with z1 and z2 standard normal and K deviations; without deviations
 * `mean + sqrt(scale * variance) * z1`. z2 is drawn once, or once for each tensor with `block`.
 *
 * @param gaussian - of one model at least
 * @param specs - of the weights, by name
 * @param distribution - see {@link SampleDistribution}
 * @param draw - draws from the standard normal distribution
 * @see Maddox et al. 2019, https://arxiv.org/abs/1902.02476, equation 1
 */
export function sampled(
  { mean, variance, deviations, copies }: Gaussian,
  specs: ReadonlyMap<string, TensorSpec>,
  { scale, block }: SampleDistribution,
  draw: () => number,
): NamedTensors {
  const diagonal = Math.sqrt(deviations.length > 0 ? scale / 2 : scale);
  // One deviation is divided by 1, as K - 1 would be 0.
  const lowRank = Math.sqrt(scale / (2 * Math.max(1, deviations.length - 1)));
  const drawFactors = (): readonly number[] => deviations.map(() => lowRank * draw());
  const shared = drawFactors();
  const tensors = [...specs].map(([name, { dtype, shape }]): [string, HostTensor] => {
    if (!isFloating(dtype)) return [name, copyOf(copies[name] as HostTensor)];
    const factors = block ? drawFactors() : shared;
    const length = elementCount(shape);
    const weights = new Float64Array(floatsOf(mean[name], length));
    addNoise(weights, diagonal, floatsOf(variance[name], length), draw);
    deviations.forEach((row, k) =>
      addScaled(weights, factors[k] as number, floatsOf(row[name], length)),
    );
    return [name, { dtype, shape, data: new (arrayOf(dtype) as Float32ArrayConstructor)(weights) }];
  });
  return Object.fromEntries(tensors);
}

/** `weights + factor * sqrt(variance) * z`, with a draw for each weight. */
function addNoise(
  weights: Float64Array,
  factor: number,
  variance: FloatArray,
  draw: () => number,
): void {
  for (let i = 0; i < weights.length; i += 1) {
    weights[i] = (weights[i] as number) + factor * Math.sqrt(variance[i] as number) * draw();
  }
}

/** `weights + factor * deviation`. */
function addScaled(weights: Float64Array, factor: number, deviation: FloatArray): void {
  for (let i = 0; i < weights.length; i += 1) {
    weights[i] = (weights[i] as number) + factor * (deviation[i] as number);
  }
}
