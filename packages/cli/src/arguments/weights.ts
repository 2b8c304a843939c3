// The weighted sum that options describe.
import { mean, weighted } from '@polyak/checkpoints';
import type { LinearMerge } from '@polyak/checkpoints';
import { decayWeights, exponentialWeights } from '@polyak/core/rules';
import { UsageError } from '../exit-codes.js';

/** The curves of `--decay`. */
export const DECAYS = ['linear', 'cosine', 'minus-sqrt'] as const;

/** What the order of the checkpoints decides, for warnings. */
export const WEIGHTS_IN_ORDER = '--weights stand in the order of the checkpoints';

/** How checkpoints are weighted: equally where nothing is given. */
export interface WeightOptions {
  readonly weights?: readonly number[] | undefined;
  readonly normalize: boolean;
  readonly decay?: (typeof DECAYS)[number] | undefined;
  readonly ema?: number | undefined;
}

/**
 * The weighted sum of checkpoints that the options describe.
 *
 * @param count - the number of checkpoints
 * @throws UsageError where the weights do not fit
 */
export function weightedSum(
  { weights, normalize, decay, ema }: WeightOptions,
  count: number,
): LinearMerge {
  if (weights === undefined && !normalize) {
    throw new UsageError('--no-normalize is of use with --weights only.');
  }
  if (weights !== undefined && weights.length !== count) {
    throw new UsageError(
      `--weights has ${weights.length} numbers for ${count} checkpoints, expected one for each.`,
    );
  }
  if (normalize && weights?.reduce((sum, weight) => sum + weight, 0) === 0) {
    throw new UsageError('the weights add up to 0; --no-normalize uses them as they are.');
  }
  return linearMerge({ weights, normalize, decay, ema }, count);
}

/** The sum whose weights are given in one of these ways, or the mean. */
export function linearMerge(
  { weights, normalize, decay, ema }: WeightOptions,
  count: number,
): LinearMerge {
  if (decay !== undefined) return weighted(decayWeights(decay, count));
  if (ema !== undefined) return weighted(exponentialWeights(ema, count));
  return weights === undefined ? mean(count) : weighted(weights, { normalize });
}
