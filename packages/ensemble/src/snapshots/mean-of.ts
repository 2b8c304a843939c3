// The prediction of an ensemble: the mean of its members' predictions.
import { shown } from '../state-nodes.js';
import { checkedPredictions } from './probabilities.js';
import type { Probabilities } from './probabilities.js';

// Weights in float32 sum to 1 within this.
const TOLERANCE = 1e-5;

/**
 * The mean of the members' probabilities, `Σₖ wₖ · pₖ`, in float64.
 *
 * @param predictions - of each member, `[samples, classes]`
 * @param weights - one for each member, finite, >= 0, with a sum of 1 within 1e-5, such as those of
 *   {@link fitWeights}. Default equal weights
 * @returns a new array, `[samples, classes]`
 * @throws RangeError where there are no predictions, their lengths differ, one is not in [0, 1], or
 * the weights do not fit
 * @throws TypeError where the predictions are no list of Float32Array or Float64Array
 * @throws PolyakError `ERR_NON_FINITE` where a prediction is NaN or infinite
 * @example
 * ```ts
 * import { meanOf } from '@polyak/ensemble';
 *
 * // Of two members, for two samples.
 * const predictions = [Float32Array.of(1, 0, 0.5, 0.5), Float32Array.of(0.5, 0.5, 0, 1)];
 * console.log([...meanOf(predictions)]); // [0.75, 0.25, 0.25, 0.75]
 * ```
 *
 * @see Huang et al. 2017, https://arxiv.org/abs/1704.00109, section 3: "Ensembling at Test Time"
 */
export function meanOf(
  predictions: readonly Probabilities[],
  weights?: ArrayLike<number>,
): Float64Array {
  const own = checkedPredictions('meanOf', predictions);
  const { length } = own;
  return weightedSum(
    own,
    weights === undefined ? equalWeights(length) : checkedWeights(weights, length),
  );
}

/** `1 / count`, `count` times. */
export function equalWeights(count: number): Float64Array {
  return new Float64Array(count).fill(1 / count);
}

/** `Σₖ weights[k] · values[k]`, element by element. */
export function weightedSum(
  values: readonly ArrayLike<number>[],
  weights: ArrayLike<number>,
): Float64Array {
  const sum = new Float64Array(values[0]?.length ?? 0);
  for (const [member, own] of values.entries()) {
    const weight = weights[member] as number;
    for (let index = 0; index < sum.length; index += 1) {
      sum[index] = (sum[index] as number) + weight * (own[index] as number);
    }
  }
  return sum;
}

function checkedWeights(weights: ArrayLike<number>, members: number): readonly number[] {
  // What JavaScript passes may be anything.
  const { length } = Object(weights) as Partial<ArrayLike<number>>;
  const list: readonly unknown[] = length === members ? Array.from(weights) : [];
  const numbers = list.filter((weight) => typeof weight === 'number');
  const total = numbers.reduce((sum, weight) => sum + weight, 0);
  const isConvex = numbers.every((weight) => weight >= 0) && Math.abs(total - 1) <= TOLERANCE;
  if (isConvex && numbers.length === members) return numbers;
  const found = length === members ? shown(list) : `${shown(length)} numbers`;
  throw new RangeError(
    `meanOf: the weights are ${found}, expected one >= 0 for each of ${members} members, ` +
      'with a sum of 1.',
  );
}
