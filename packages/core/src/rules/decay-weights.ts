// The weights with which checkpoints sum to the mean that an average, or a decayed learning rate,
// would have given. Computed after training.
import { described } from '../arguments.js';
import { nameOf } from './rule.js';

/**
 * How the weight of an update falls, over the checkpoints of a mean: the name of a curve, or a
 * function. The function takes the share of the checkpoints that the update comes after, in
 * (0, 1), and returns the factor of the update. A curve starts at 1 and ends at 0.
 */
export type DecayCurve = 'linear' | 'cosine' | 'minus-sqrt' | ((share: number) => number);

/**
 * The weights of a weighted mean of checkpoints that stands in for a decay of the learning rate
 * (WSM, warm-up, stable and merge). With checkpoints θ_0 … θ_(k-1) of a run at a constant rate, and
 * their differences δ_i = θ_i - θ_(i-1),
 *
 * Σ c_j θ_j = θ_0 + Σ w_i δ_i, with w_i = curve(i / k), c_j = w_j - w_(j+1), w_0 = 1 and w_k = 0:
 *
 * each recorded update counts as if it had been scaled by w_i. It is not the run with that rate,
 * whose gradients would have differed. The curves, over s = i / k:
 *
 * | curve          | w                | c_j                             | as a rule             |
 * | -------------- | ---------------- | ------------------------------- | --------------------- |
 * | `'linear'`     | 1 - s            | 1 / k                           | `equal()`             |
 * | `'minus-sqrt'` | 1 - √s           | (√(j + 1) - √j) / √k            | `powerFunction(-1/2)` |
 * | `'cosine'`     | (1 + cos πs) / 2 | sin(π(2j + 1) / 2k) sin(π / 2k) | none                  |
 *
 * A running average can follow a curve exactly if the ratios of the weights of its checkpoints do
 * not depend on how many there are. Among continuous curves, that holds for 1 - s ** p and no
 * other: the rules `powerFunction(p - 1)`. With the cosine, c_1 / c_0 is 1 for two checkpoints, 2
 * for three.
 *
 * @param decay - the curve
 * @param k - the number of checkpoints, an integer >= 1. In the paper, k is one less: the number of
 *   updates
 * @returns k weights, of the oldest checkpoint first; they sum to 1
 * @throws RangeError if the curve is not known or gives a number that is not finite, or if `k` is
 *   not a positive integer
 * @see Tian et al. 2025, https://arxiv.org/abs/2507.17634, section 3
 *
 * @example
 * ```ts
 * import { decayWeights } from '@polyak/core/rules';
 *
 * console.log(decayWeights('linear', 4)); // [0.25, 0.25, 0.25, 0.25]
 * console.log(decayWeights('minus-sqrt', 4)[0]); // 0.5
 * console.log(decayWeights((share) => 1 - share ** 2, 2)); // [0.25, 0.75]
 * ```
 */
export function decayWeights(decay: DecayCurve, k: number): readonly number[] {
  requireCheckpoints('decayWeights', k);
  if (typeof decay === 'function') {
    const factors = Array.from({ length: k + 1 }, (_, i) => factorOf(decay, i, k));
    return factors.slice(1).map((factor, j) => (factors[j] ?? 0) - factor);
  }
  const weight = weightBy(decay, k);
  return Array.from({ length: k }, (_, j) => weight(j));
}

/**
 * The weights of an exponential moving average of checkpoints: of the average that
 * `exponential(decay)` keeps if it is updated with each of them in turn.
 *
 * c_0 = decay ** (k - 1), c_j = (1 - decay) decay ** (k - 1 - j)
 *
 * @param decay - the weight of the old average, in [0, 1]
 * @param k - the number of checkpoints, an integer >= 1
 * @returns k weights, of the oldest checkpoint first; they sum to 1
 * @throws RangeError if an argument is out of its range
 *
 * @example
 * ```ts
 * import { exponentialWeights } from '@polyak/core/rules';
 *
 * console.log(exponentialWeights(0.5, 4)); // [0.125, 0.125, 0.25, 0.5]
 * ```
 */
export function exponentialWeights(decay: number, k: number): readonly number[] {
  requireCheckpoints('exponentialWeights', k);
  nameOf('exponentialWeights', decay);
  if (!(decay >= 0 && decay <= 1)) {
    throw new RangeError(`exponentialWeights: the decay is ${decay}, expected a number in [0, 1].`);
  }
  return Array.from({ length: k }, (_, j) => (j === 0 ? 1 : 1 - decay) * decay ** (k - 1 - j));
}

// Without the cancellation of w_j - w_(j+1).
function weightBy(decay: string, k: number): (j: number) => number {
  switch (decay) {
    case 'linear':
      return () => 1 / k;
    case 'minus-sqrt':
      return (j) => 1 / ((Math.sqrt(j + 1) + Math.sqrt(j)) * Math.sqrt(k));
    case 'cosine':
      return (j) => Math.sin((Math.PI * (2 * j + 1)) / (2 * k)) * Math.sin(Math.PI / (2 * k));
    default:
      throw new RangeError(
        `decayWeights: there is no decay ${described(decay)}. Expected linear, cosine, ` +
          'minus-sqrt or a function.',
      );
  }
}

function factorOf(curve: (share: number) => number, i: number, k: number): number {
  if (i === 0 || i === k) return i === 0 ? 1 : 0;
  const factor = curve(i / k);
  if (Number.isFinite(factor)) return factor;
  throw new RangeError(
    `decayWeights: the decay of ${i / k} is ${described(factor)}, expected a finite number.`,
  );
}

function requireCheckpoints(call: string, k: number): void {
  // More than anyone keeps, and few enough for memory.
  if (Number.isInteger(k) && k >= 1 && k <= 2 ** 20) return;
  throw new RangeError(
    `${call}: k is ${described(k)}, expected the number of checkpoints, an integer from 1 ` +
      'to 2^20.',
  );
}
