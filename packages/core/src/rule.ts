// Averaging rules: how much the next live weights weigh in the running average.

/** How a running average moves: `average += weight(nAvg) * (live - average)`. Write your own as a plain object. */
export interface AveragingRule {
  /** Names the rule in messages and states; a state is only loaded under the rule that made it. */
  readonly name: string;
  /**
   * The weight of the live value, in [0, 1].
   *
   * @param nAvg - the updates so far, from 1 on: the first update copies the live weights, whatever the rule
   */
  weight(nAvg: number): number;
  /** Whether the rule needs a compensated accumulator to be accurate in float32. */
  readonly isCompensated?: boolean;
}

/**
 * The equal average of stochastic weight averaging: `average += (live - average) / (nAvg + 1)`.
 *
 * In float32 the rms error of the mean of n values with 1 % noise grows as 1.5e-8 √n.
 *
 * @returns the rule
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407, algorithm 1
 */
export function equal(): AveragingRule {
  return { name: 'equal', weight: (nAvg) => 1 / (nAvg + 1) };
}

/**
 * The exponential moving average: `average = decay * average + (1 - decay) * live`.
 *
 * From a decay of 0.9999 on, one float32 step is below the rounding of the average: the rule then asks for a compensated
 * accumulator.
 *
 * @param decay - the weight of the old average, in [0, 1]
 * @returns the rule
 * @throws RangeError where the decay is not in [0, 1]
 * @see Polyak and Juditsky 1992; torch.optim.swa_utils.get_ema_multi_avg_fn
 */
export function exponential(decay: number): AveragingRule {
  if (!(decay >= 0 && decay <= 1)) {
    throw new RangeError(`exponential: decay is ${decay}, expected a number in [0, 1].`);
  }
  return { name: `exponential(${decay})`, weight: () => 1 - decay, isCompensated: decay >= 0.9999 };
}
