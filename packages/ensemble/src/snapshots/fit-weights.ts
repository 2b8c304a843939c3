// Weights for the members of an ensemble, fitted on held-out data: the mixture of the highest
// likelihood.
import { requireOptions } from '@polyak/core/kit';
import { shown } from '../state-nodes.js';
import { equalWeights, weightedSum } from './mean-of.js';
import { checkedPredictions, sampleCount } from './probabilities.js';
import type { Probabilities } from './probabilities.js';

/** Options of {@link fitWeights}. */
export interface FitWeightsOptions {
  /**
   * How far below the highest log-likelihood the result may be, in nats per sample; finite, > 0.
   * Default 1e-5.
   */
  readonly tolerance?: number;
  /** The most iterations, an integer >= 0. Default 10,000. */
  readonly maxIterations?: number;
}

/** What {@link fitWeights} found. */
export interface FittedWeights {
  /** One for each member, >= 0; they sum to 1. */
  readonly weights: Float64Array;
  /** The mean over samples of `log Σₖ wₖ · pₖ(label)`, in nats. */
  readonly logLikelihood: number;
  /** The highest log-likelihood is at most this much higher, in nats per sample. */
  readonly gap: number;
  /** How many iterations there were. */
  readonly iterations: number;
}

/**
 * The convex weights with which the mean of the members' probabilities has the highest
 * log-likelihood on held-out samples: `argmax_w 1/N Σᵢ log Σₖ wₖ · pₖᵢ`, where `pₖᵢ` is the
 * probability that member `k` gives the label of sample `i`.
 *
 * Expectation maximisation from equal weights: `wₖ ← wₖ · gₖ` with `gₖ = 1/N Σᵢ pₖᵢ / Σⱼ wⱼ · pⱼᵢ`,
 * which never lowers the likelihood. The log-likelihood is concave, so the highest one is at most
 * `log maxₖ gₖ` away. Iterations stop where that is within `tolerance`, or after `maxIterations`,
 * where it is at most `log(members) / maxIterations`.
 *
 * Fit on data that no member was trained on. Where all members give a label the probability 0, the
 * likelihood is -Infinity; the weights are then fitted on the other samples.
 *
 * @param predictions - of each member on the held-out samples, `[samples, classes]`
 * @param labels - the true class of each sample, `[samples]`, integers from 0 to `classes - 1`
 * @param classes - the number of classes, an integer >= 1
 * @param options - see {@link FitWeightsOptions}
 * @returns the weights, for {@link meanOf}, and how good they are
 * @throws RangeError where there are no predictions, their lengths differ or do not fit `labels` or
 *   `classes`, where one is not in [0, 1], a label is not a class, or an option is out of its range
 * @throws TypeError where the predictions are no list of Float32Array or Float64Array,
 *   or the options are no object
 * @throws PolyakError `ERR_NON_FINITE` where a prediction is NaN or infinite
 * @example
 * ```ts
 * import { fitWeights } from '@polyak/ensemble';
 *
 * // On three of four samples the first member is right, on the other one the second.
 * const first = Float32Array.of(1, 0, 1, 0, 1, 0, 1, 0);
 * const second = Float32Array.of(0, 1, 0, 1, 0, 1, 0, 1);
 * const { weights } = fitWeights([first, second], [0, 0, 0, 1], 2);
 * console.log([...weights]); // [0.75, 0.25]
 * ```
 *
 * @see Dempster, Laird and Rubin 1977, Maximum Likelihood from Incomplete Data via the EM
 * Algorithm, section 4.3
 * @see Cover 1984, An algorithm for maximizing expected log investment return: the bound on the gap
 */
export function fitWeights(
  predictions: readonly Probabilities[],
  labels: ArrayLike<number>,
  classes: number,
  options: FitWeightsOptions = {},
): FittedWeights {
  const given = requireOptions('fitWeights', options, ['tolerance', 'maxIterations']);
  const { tolerance = 1e-5, maxIterations = 10_000 } = given;
  const own = checkedPredictions('fitWeights', predictions);
  const checked = checkedLabels(own[0] as Probabilities, labels, classes);
  checkOptions(tolerance, maxIterations);
  const likelihoods = own.map((values) =>
    Float64Array.from(checked, (label, sample) => values[sample * classes + label] as number),
  );
  let weights = equalWeights(own.length);
  for (let iterations = 0; ; iterations += 1) {
    const mixture = weightedSum(likelihoods, weights);
    const gradient = likelihoods.map((likelihood) => meanRatio(likelihood, mixture));
    const gap = Math.max(0, Math.log(Math.max(...gradient)));
    if (gap <= tolerance || iterations >= maxIterations) {
      const logLikelihood = mixture.reduce((sum, p) => sum + Math.log(p), 0) / mixture.length;
      return { weights, logLikelihood, gap, iterations };
    }
    weights = normalised(weights.map((weight, member) => weight * (gradient[member] as number)));
  }
}

/** The mean of `own / mixture`, a ratio of 1 where both are 0: all members are equally wrong. */
function meanRatio(own: Float64Array, mixture: Float64Array): number {
  let sum = 0;
  for (let sample = 0; sample < own.length; sample += 1) {
    const p = mixture[sample] as number;
    sum += p === 0 ? 1 : (own[sample] as number) / p;
  }
  return sum / own.length;
}

/** Takes away what the rounding of thousands of iterations has added to a sum of 1. */
function normalised(weights: Float64Array): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function checkedLabels(
  values: Probabilities,
  labels: ArrayLike<number>,
  classes: number,
): readonly number[] {
  const samples = sampleCount('fitWeights', values, classes);
  // What JavaScript passes may be anything.
  const { length } = Object(labels) as Partial<ArrayLike<number>>;
  if (length !== samples) {
    throw new RangeError(
      `fitWeights: there are ${shown(length)} labels, expected one for each of ${samples} samples.`,
    );
  }
  const list = Array.from(labels);
  const bad = list.findIndex(
    (label) => !(Number.isInteger(label) && label >= 0 && label < classes),
  );
  if (bad < 0) return list;
  throw new RangeError(
    `fitWeights: the label of sample ${bad} is ${shown(list[bad])}, expected an integer from 0 ` +
      `to ${classes - 1}.`,
  );
}

function checkOptions(tolerance: number, maxIterations: number): void {
  if (!(typeof tolerance === 'number' && tolerance > 0 && tolerance < Infinity)) {
    throw new RangeError(
      `fitWeights: tolerance is ${shown(tolerance)}, expected a finite number > 0.`,
    );
  }
  if (!(Number.isSafeInteger(maxIterations) && maxIterations >= 0)) {
    throw new RangeError(
      `fitWeights: maxIterations is ${shown(maxIterations)}, expected an integer >= 0.`,
    );
  }
}
