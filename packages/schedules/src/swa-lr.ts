// Anneals from the rate before to the constant rate of SWA.
import { anneal } from './anneal.js';
import type { Anneal } from './anneal.js';
import { check, checkWord, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link chainedSwaLr}. */
export interface ChainedSwaLrOptions {
  /** The constant rate after annealing; finite, >= 0. */
  readonly swaLr: number;
  /** Steps of annealing; an integer >= 0. Default 10. With 0, the rate is `swaLr` at once. */
  readonly annealSteps?: number;
  /** Along half a cosine or along a line. Default `cos`. */
  readonly anneal?: Anneal;
}

/** Options of {@link swaLr}. */
export interface SwaLrOptions extends ChainedSwaLrOptions {
  /** The rate at step 0, usually the last one of another schedule; finite, >= 0. */
  readonly lr: number;
}

/**
 * Anneals the rate to the constant one of SWA: `swaLr · f(t) + lr · (1 - f(t))` with
 * `t = min(1, step / annealSteps)`, where `f(t)` is `(1 - cos(πt)) / 2` or, along a line, `t`.
 *
 * @param options - see {@link SwaLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @example After another schedule:
 * ```ts
 * import { exponentialLr, sequentialLr, swaLr } from '@polyak/schedules';
 *
 * const decay = exponentialLr({ lr: 1, gamma: 0.5 });
 * const schedule = sequentialLr([decay, swaLr({ lr: decay(2), swaLr: 0.5, annealSteps: 2 })], [2]);
 * console.log([0, 1, 2, 3, 4, 5].map(schedule)); // [1, 0.5, 0.25, 0.375, 0.5, 0.5]
 * ```
 *
 * @see torch.optim.swa_utils.SWALR
 */
export function swaLr(options: SwaLrOptions): Schedule {
  const {
    lr,
    swaLr: rate,
    annealSteps = 10,
    anneal: way = 'cos',
    ...others
  } = requireObject('swaLr', 'options', options);
  refuseOthers('swaLr', others);
  check('swaLr', { annealSteps }, 0, Infinity, true);
  checkWord('swaLr', 'anneal', way, 'cos', 'linear');
  return scheduleOf('swaLr', { lr, swaLr: rate }, {}, (step) =>
    step < annealSteps ? anneal(lr, rate, step / annealSteps, way) : rate,
  );
}

/**
 * {@link swaLr} in its chainable form, for a rate that other code sets too: it gives the rate of a
 * step from the previous rate. After annealing the rate is `swaLr`, whatever it was before.
 *
 * In each step the distance to `swaLr` shrinks by the same factor as in the closed form:
 * `lr ← swaLr + (lr - swaLr) · (1 - f(t)) / (1 - f(t of the step before))`.
 *
 * @param options - see {@link ChainedSwaLrOptions}
 * @returns a function of `step` and `lr`, the rate of `step - 1`; at step 0, the initial rate
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.swa_utils.SWALR, `get_lr`
 */
export function chainedSwaLr(options: ChainedSwaLrOptions): (step: number, lr: number) => number {
  const {
    swaLr: rate,
    annealSteps = 10,
    anneal: way = 'cos',
    ...others
  } = requireObject('chainedSwaLr', 'options', options);
  refuseOthers('chainedSwaLr', others);
  check('chainedSwaLr', { swaLr: rate });
  check('chainedSwaLr', { annealSteps }, 0, Infinity, true);
  checkWord('chainedSwaLr', 'anneal', way, 'cos', 'linear');
  return (step, lr) => {
    check('chainedSwaLr', { step, lr });
    if (step >= annealSteps) return rate;
    const left = (at: number): number => anneal(1, 0, at / annealSteps, way);
    const kept = left(step) / left(Math.max(0, step - 1));
    return lr * kept + rate * (1 - kept);
  };
}
