// Merges that are weighted sums of checkpoints, whose weights do not depend on the values.
import { requireOptions } from '@polyak/core/kit';
import { finiteNumbers, requireNumber } from '../methods/options.js';

/** A weighted sum of checkpoints: `result = Σ weights[i] * checkpoint[i]`. */
export interface LinearMerge {
  /** Tells it from a method of merging. */
  readonly kind: 'linear';
  /** Its name in recipes and in the record of what was merged. */
  readonly name: string;
  /** One weight for each checkpoint, in order. Negative ones and any sum are allowed. */
  readonly weights: readonly number[];
}

/**
 * The mean of `count` checkpoints.
 *
 * @param count - how many, 1 at least
 * @returns weights of `1 / count`
 * @throws TypeError where `count` is no number; RangeError where it is no integer from 1
 */
export function mean(count: number): LinearMerge {
  requireNumber('mean', 'count', count, (n) => Number.isInteger(n) && n >= 1, 'an integer >= 1');
  return { kind: 'linear', name: 'mean', weights: Array.from({ length: count }, () => 1 / count) };
}

/**
 * A weighted sum of checkpoints. Weights that are not to be divided by their sum are those of task
 * vectors and other sums.
 *
 * @param weights - one for each checkpoint, finite
 * @param options - `normalize: true` divides them by their sum
 * @returns the merge
 * @throws RangeError where a weight is not finite, or their sum is 0 and they are to be divided by
 * it
 * @throws TypeError where the weights are no list of numbers, or the options are no object
 */
export function weighted(
  weights: readonly number[],
  options: { readonly normalize?: boolean } = {},
): LinearMerge {
  const { normalize = false } = requireOptions('weighted', options, ['normalize']);
  const own = finiteNumbers('weighted', weights);
  const sum = own.reduce((total, weight) => total + weight, 0);
  if (normalize && sum === 0) {
    throw new RangeError('weighted: the weights sum to 0, which nothing can be divided by.');
  }
  return {
    kind: 'linear',
    name: 'weighted',
    weights: normalize ? own.map((weight) => weight / sum) : own,
  };
}
