// The prediction of an ensemble: the class that most members vote for.
import { equalWeights, weightedSum } from './mean-of.js';
import { checkedPredictions, sampleCount } from './probabilities.js';
import type { Probabilities } from './probabilities.js';

/**
 * The class to which most members give their highest probability. A tie goes to the class with the
 * higher mean probability, then to the lower index. A member whose highest probability is that of
 * two classes votes for the lower index.
 *
 * @param predictions - of each member, `[samples, classes]`
 * @param classes - the number of classes, an integer >= 1
 * @returns the index of a class for each sample, `[samples]`
 * @throws RangeError where there are no predictions, their lengths differ or are not a multiple of
 *   `classes`, or one is not in [0, 1]
 * @throws TypeError where the predictions are no list of Float32Array or Float64Array
 * @throws PolyakError `ERR_NON_FINITE` where a prediction is NaN or infinite
 * @example
 * ```ts
 * import { vote } from '@polyak/ensemble';
 *
 * const predictions = [
 *   Float32Array.of(0.6, 0.4, 0),
 *   Float32Array.of(0.6, 0, 0.4),
 *   Float32Array.of(0, 0.9, 0.1),
 * ];
 * console.log([...vote(predictions, 3)]); // [0]
 * ```
 */
export function vote(predictions: readonly Probabilities[], classes: number): Int32Array {
  const own = checkedPredictions('vote', predictions);
  const samples = sampleCount('vote', own[0] as Probabilities, classes);
  const means = weightedSum(own, equalWeights(own.length));
  return Int32Array.from({ length: samples }, (_, sample) => {
    const rowOf = (values: Probabilities): Probabilities =>
      values.subarray(sample * classes, (sample + 1) * classes);
    const votes = new Int32Array(classes);
    for (const values of own) {
      const choice = best(rowOf(values));
      votes[choice] = (votes[choice] as number) + 1;
    }
    const most = votes.reduce((a, b) => Math.max(a, b));
    return best(rowOf(means).map((mean, index) => (votes[index] === most ? mean : -1)));
  });
}

/** The index of the highest of `values`, the lowest index where there are several. */
function best(values: ArrayLike<number>): number {
  let found = 0;
  for (let index = 1; index < values.length; index += 1) {
    if ((values[index] as number) > (values[found] as number)) found = index;
  }
  return found;
}
