// The 1cycle policy: one rise, one long fall, and the momentum against them.
import { anneal } from '../anneal.js';
import type { Anneal } from '../anneal.js';
import { check, checkWord, refuseOthers, requireObject } from '../check.js';
import { scheduleOf } from '../schedule.js';
import type { Schedule } from '../schedule.js';

/** Options that {@link oneCycleLr} and {@link oneCycleMomentum} share. */
export interface OneCycleOptions {
  /** Steps of the whole training; an integer >= 1. */
  readonly totalSteps: number;
  /** The share of the steps spent rising; in [0, 1], with three phases in [0, 0.5]. Default 0.3. */
  readonly pctStart?: number;
  /** Along half cosines or along lines. Default `cos`. */
  readonly anneal?: Anneal;
  /**
   * Whether the rate first falls back to its initial value, as fast as it rose, and then to its
   * final value in a third phase. Default false: it falls to the final value in one phase.
   */
  readonly threePhase?: boolean;
}

/** Options of {@link oneCycleLr}. */
export interface OneCycleLrOptions extends OneCycleOptions {
  /** The rate at the peak; finite, >= 0. */
  readonly maxLr: number;
  /** The rate at step 0; finite, >= 0. Default `maxLr / 25`: torch's `div_factor`. */
  readonly initialLr?: number;
  /**
   * The rate of the last step; finite, >= 0. Default `initialLr / 10000`: torch's
   * `final_div_factor`.
   */
  readonly finalLr?: number;
}

/** Options of {@link oneCycleMomentum}. */
export interface OneCycleMomentumOptions extends OneCycleOptions {
  /** The momentum at the peak of the rate; finite, >= 0. Default 0.85. */
  readonly baseMomentum?: number;
  /** The momentum at the beginning and at the end; finite, >= 0. Default 0.95. */
  readonly maxMomentum?: number;
}

/**
 * The rate of the 1cycle policy: from `initialLr` up to `maxLr` at step
 * `pctStart · totalSteps - 1`, then down to `finalLr` at step `totalSteps - 1`.
 *
 * At `totalSteps`, which a scheduler reaches when training is over, the rate stays at `finalLr`. In
 * torch it goes on, along a line to below zero. Later steps are refused, as in torch.
 *
 * @param options - see {@link OneCycleLrOptions}
 * @returns the rate of each step up to `totalSteps`
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.OneCycleLR
 * @see Smith and Topin 2019, https://arxiv.org/abs/1708.07120
 */
export function oneCycleLr(options: OneCycleLrOptions): Schedule {
  const { maxLr, ...lows } = requireObject('oneCycleLr', 'options', options);
  check('oneCycleLr', { maxLr });
  const { initialLr = maxLr / 25, ...end } = lows;
  check('oneCycleLr', { initialLr });
  const { finalLr = initialLr / 1e4, ...shape } = end;
  return oneCycle('oneCycleLr', { finalLr }, initialLr, maxLr, finalLr, shape);
}

/**
 * The momentum of the 1cycle policy, which moves against the rate of {@link oneCycleLr}: down to
 * `baseMomentum` at its peak, then back up to `maxMomentum`.
 *
 * @param options - see {@link OneCycleMomentumOptions}; the shape is that of the rate
 * @returns the momentum of each step up to `totalSteps`; for Adam and its kind, their first beta
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.OneCycleLR, `cycle_momentum`
 */
export function oneCycleMomentum(options: OneCycleMomentumOptions): Schedule {
  const {
    baseMomentum = 0.85,
    maxMomentum = 0.95,
    ...shape
  } = requireObject('oneCycleMomentum', 'options', options);
  const bounds = { baseMomentum, maxMomentum };
  return oneCycle('oneCycleMomentum', bounds, maxMomentum, baseMomentum, maxMomentum, shape);
}

function oneCycle(
  call: string,
  amounts: Readonly<Record<string, number>>,
  initial: number,
  peak: number,
  final: number,
  { totalSteps, pctStart = 0.3, anneal: way = 'cos', threePhase, ...others }: OneCycleOptions,
): Schedule {
  refuseOthers(call, others);
  check(call, { pctStart }, 0, threePhase ? 0.5 : 1);
  checkWord(call, 'anneal', way, 'cos', 'linear');
  const equation: Schedule = (step) => {
    const top = pctStart * totalSteps - 1;
    const last = totalSteps - 1;
    const [middle, back] = threePhase ? [2 * top, initial] : [top, peak];
    if (step < top) return anneal(initial, peak, step / top, way);
    if (step < middle) return anneal(peak, back, (step - top) / top, way);
    // A phase of no steps stays at its start: 0 / 0 counts as 0. torch divides by zero there.
    return anneal(back, final, (Math.min(step, last) - middle) / (last - middle) || 0, way);
  };
  return scheduleOf(call, amounts, { totalSteps }, equation, totalSteps);
}
