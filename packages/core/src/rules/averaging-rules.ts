// The averaging rules of the literature.
import { requireCount, requireOptions } from '../arguments.js';
import { nameOf } from './rule.js';
import type { MovingRule, WindowRule } from './rule.js';

/**
 * The equal average of stochastic weight averaging: `average += (live - average) / (nAvg + 1)`.
 *
 * In float32 the rms error of the mean of n values with 1 % noise grows as 1.5e-8 √n.
 *
 * @returns the rule
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407, algorithm 1
 */
export function equal(): MovingRule {
  return { kind: 'moving', name: 'equal', weight: (nAvg) => 1 / (nAvg + 1) };
}

/**
 * The exponential moving average: `average = decay * average + (1 - decay) * live`.
 *
 * With a decay of 0.9999 or more, a step can be smaller than the float32 rounding of the average,
 * so the rule asks for a compensated accumulator.
 *
 * @param decay - the weight of the old average, in [0, 1]
 * @returns the rule
 * @throws RangeError if the decay is not in [0, 1]
 * @throws TypeError if more arguments are given, such as options
 * @see Polyak and Juditsky 1992; torch.optim.swa_utils.get_ema_multi_avg_fn
 */
export function exponential(decay: number): MovingRule {
  requireCount('exponential', arguments.length, 1);
  return decaying(nameOf('exponential', decay), decay, () => decay);
}

/**
 * The exponential moving average by its half-life: the weight of a value halves every `updates`
 * updates.
 *
 * @param updates - the half-life, > 0
 * @returns the rule `exponential(2 ** (-1 / updates))`
 * @throws RangeError if `updates` is not positive, or so large that the average would not move
 * @throws TypeError if more arguments are given, such as options
 * @see Composer's EMA, which also takes a half-life: https://docs.mosaicml.com/projects/composer
 */
export function halfLife(updates: number): MovingRule {
  requireCount('halfLife', arguments.length, 1);
  nameOf('halfLife', updates);
  const decay = 2 ** (-1 / updates);
  if (!(updates > 0 && decay < 1)) {
    throw new RangeError(
      `halfLife: updates is ${updates}, expected a number > 0, small enough for the average ` +
        'to move.',
    );
  }
  return exponential(decay);
}

/**
 * The exponential moving average without the excess weight of the first value: the weighted mean in
 * which the value of k updates ago has the weight `decay ** k`. (In `exponential`, the first value
 * has `1 / (1 - decay)` times that weight.)
 *
 * @param decay - in [0, 1]; 1 is the equal average
 * @returns the rule, `weight(n) = (1 - decay) / (1 - decay ** (n + 1))`
 * @throws RangeError if the decay is not in [0, 1]
 * @throws TypeError if more arguments are given, such as options
 * @see Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, section 3, of Adam's moments
 */
export function debiasedExponential(decay: number): MovingRule {
  requireCount('debiasedExponential', arguments.length, 1);
  const due = (nAvg: number): number =>
    decay === 1 ? 1 - 1 / (nAvg + 1) : 1 - (1 - decay) / (1 - decay ** (nAvg + 1));
  return decaying(nameOf('debiasedExponential', decay), decay, due);
}

/** Options of {@link powerWarmUp}. */
export interface PowerWarmUp {
  /** The largest decay, in [0, 1]. Default 0.9999. */
  readonly maxDecay?: number;
  /** The smallest decay, in [0, maxDecay]. Default 0. */
  readonly minDecay?: number;
  /**
   * The exponent, > 0. The default 2/3 reaches a decay of 0.999 after 31,600 updates; 3/4 after
   * 10,000.
   */
  readonly power?: number;
  /** Divides the number of updates; > 0. Default 1. */
  readonly inverseGamma?: number;
}

/**
 * The exponential moving average whose decay rises by a power of the updates:
 * `1 - (1 + n / inverseGamma) ** -power`, clamped between `minDecay` and `maxDecay`.
 *
 * @param options - see {@link PowerWarmUp}
 * @returns the rule
 * @throws RangeError if an option is out of its range
 * @see timm's ModelEmaV3, ema-pytorch and diffusers' EMAModel, where n also counts the updates
 *   after the first
 */
export function powerWarmUp(options: PowerWarmUp = {}): MovingRule {
  const known = ['maxDecay', 'minDecay', 'power', 'inverseGamma'];
  const given = requireOptions('powerWarmUp', options, known);
  const { maxDecay = 0.9999, minDecay = 0, power = 2 / 3, inverseGamma = 1 } = given;
  const name = nameOf('powerWarmUp', maxDecay, minDecay, power, inverseGamma);
  if (!(minDecay >= 0 && minDecay <= maxDecay)) {
    throw new RangeError(
      `powerWarmUp: minDecay is ${minDecay}, expected a number in [0, ${maxDecay}].`,
    );
  }
  if (!(power > 0 && inverseGamma > 0)) {
    throw new RangeError(
      `powerWarmUp: power and inverseGamma are ${power} and ${inverseGamma}, expected numbers > 0.`,
    );
  }
  return decaying(name, maxDecay, (nAvg) =>
    Math.max(minDecay, 1 - (1 + nAvg / inverseGamma) ** -power),
  );
}

/**
 * The exponential moving average whose decay rises as `(1 + n) / (10 + n)` up to `decay`.
 *
 * @param decay - the largest decay, in [0, 1]
 * @returns the rule
 * @throws RangeError if the decay is not in [0, 1]
 * @throws TypeError if more arguments are given, such as options
 * @see tf.train.ExponentialMovingAverage with num_updates; diffusers' EMAModel without its warm-up
 */
export function rationalWarmUp(decay: number): MovingRule {
  requireCount('rationalWarmUp', arguments.length, 1);
  return decaying(nameOf('rationalWarmUp', decay), decay, (nAvg) => (1 + nAvg) / (10 + nAvg));
}

/**
 * The exponential moving average whose decay rises as `decay * (1 - exp(-n / updates))`.
 *
 * @param decay - the limit of the decay, in [0, 1]
 * @param updates - the number of updates after which the decay is 63 % of `decay`, > 0. Default
 *   2000
 * @returns the rule
 * @throws RangeError if an argument is out of its range
 * @throws TypeError if more arguments are given, such as options
 * @see ultralytics' ModelEMA
 */
export function saturatingWarmUp(decay: number, updates: number = 2000): MovingRule {
  requireCount('saturatingWarmUp', arguments.length, 2);
  const name = nameOf('saturatingWarmUp', decay, updates);
  if (!(updates > 0))
    throw new RangeError(`saturatingWarmUp: updates is ${updates}, expected a number > 0.`);
  return decaying(name, decay, (nAvg) => decay * -Math.expm1(-nAvg / updates));
}

/**
 * The power-function average: the weight of update n is proportional to `n ** gamma`, so the
 * average covers a fixed fraction of the run, however long the run is. `postHocWeights` makes
 * averages of other profiles from snapshots of two.
 *
 * @param gamma - > -1; 0 is the equal average, see `gammaOf`. Below 0, early updates weigh more:
 *   -1/2 is the `'minus-sqrt'` decay of `decayWeights`
 * @returns the rule, `weight(n) = 1 - (1 - 1 / (n + 1)) ** (gamma + 1)`
 * @throws RangeError if gamma is not greater than -1
 * @throws TypeError if more arguments are given, such as options
 * @see Karras et al. 2024, https://arxiv.org/abs/2312.02696, section 3.1
 */
export function powerFunction(gamma: number): MovingRule {
  requireCount('powerFunction', arguments.length, 1);
  const name = nameOf('powerFunction', gamma);
  if (!(gamma > -1 && gamma < Infinity)) {
    throw new RangeError(`powerFunction: gamma is ${gamma}, expected a finite number > -1.`);
  }
  return {
    kind: 'moving',
    name,
    weight: (nAvg) => -Math.expm1((gamma + 1) * Math.log1p(-1 / (nAvg + 1))),
  };
}

/**
 * The mean of the last `count` values (LAWA, latest weight averaging). It keeps all of them: it
 * takes the memory of `count + 1` models, and each update makes `count + 1` passes.
 *
 * @param count - an integer >= 1
 * @returns the rule
 * @throws RangeError if `count` is not one
 * @throws TypeError if more arguments are given, such as options
 * @see Kaddour 2022, Stop Wasting My Time! Saving Days of ImageNet and BERT Training with Latest
 *   Weight Averaging, https://arxiv.org/abs/2209.14981
 */
export function lastK(count: number): WindowRule {
  requireCount('lastK', arguments.length, 1);
  const name = nameOf('lastK', count);
  if (!(Number.isInteger(count) && count >= 1)) {
    throw new RangeError(`lastK: count is ${count}, expected an integer >= 1.`);
  }
  return { kind: 'window', name, window: count };
}

// With a decay of 0.9999 or more, a step can be smaller than the float32 rounding of the average.
function decaying(name: string, maxDecay: number, decay: (nAvg: number) => number): MovingRule {
  if (!(maxDecay >= 0 && maxDecay <= 1)) {
    throw new RangeError(`${name}: the decay is ${maxDecay}, expected a number in [0, 1].`);
  }
  return {
    kind: 'moving',
    name,
    weight: (nAvg) => 1 - Math.min(maxDecay, decay(nAvg)),
    compensated: maxDecay >= 0.9999,
  };
}
