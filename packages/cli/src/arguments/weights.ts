// The weights of a linear merge, from the options that describe them.
import { UsageError } from '../exit-codes.js';

/** The curves of `--decay`. */
export const DECAYS: readonly Decay[] = ['linear', 'cosine', 'minus-sqrt'];

/** A curve that the learning rate could have followed. */
export type Decay = 'linear' | 'cosine' | 'minus-sqrt';

/** How checkpoints are weighted: equally where none is given. */
export interface WeightOptions {
  readonly weights?: readonly number[];
  readonly normalize: boolean;
  readonly decay?: Decay;
  readonly ema?: number;
}

/**
 * One weight for each checkpoint.
 *
 * @param count - the number of checkpoints
 * @throws UsageError where the weights do not fit
 */
export function weightsOf(
  { weights, normalize, decay, ema }: WeightOptions,
  count: number,
): readonly number[] {
  if (weights === undefined && !normalize) {
    throw new UsageError('--no-normalize is of use with --weights only.');
  }
  if (decay !== undefined && count < 2) {
    throw new UsageError('--decay needs two checkpoints at least.');
  }
  if (decay !== undefined || ema !== undefined) throw new Error('not there yet');
  if (weights === undefined) return Array.from({ length: count }, () => 1 / count);
  if (weights.length !== count) {
    throw new UsageError(
      `--weights has ${weights.length} numbers for ${count} checkpoints, expected one for each.`,
    );
  }
  if (!normalize) return weights;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum !== 0) return weights.map((weight) => weight / sum);
  throw new UsageError(
    'the weights add up to 0 and cannot be normalised. --no-normalize uses them as they are.',
  );
}
