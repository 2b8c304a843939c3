// The schedule of the SWA paper: constant, a line down, constant again.
import { check, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link swaPaperLr}. */
export interface SwaPaperLrOptions {
  /** The initial rate; finite, > 0. */
  readonly lr: number;
  /** The final rate; finite, >= 0. For plain SGD, the paper has 1 % of `lr`. */
  readonly finalLr: number;
  /**
   * The steps of the schedule; an integer >= 1. In the paper, those before averaging starts; for
   * plain SGD, all steps.
   */
  readonly totalSteps: number;
}

/**
 * Holds `lr` for half of the steps, falls along a line to `finalLr` at 90 % of them, and then holds
 * that.
 *
 * @param options - see {@link SwaPaperLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407; `schedule` in
 * github.com/timgaripov/swa, train.py
 */
export function swaPaperLr(options: SwaPaperLrOptions): Schedule {
  const { lr, finalLr, totalSteps, ...others } = requireObject('swaPaperLr', 'options', options);
  refuseOthers('swaPaperLr', others);
  check('swaPaperLr', { lr }, Number.MIN_VALUE);
  return scheduleOf('swaPaperLr', { finalLr }, { totalSteps }, (step) => {
    const [t, ratio] = [step / totalSteps, finalLr / lr];
    if (t <= 0.5) return lr;
    return lr * (t < 0.9 ? 1 - ((1 - ratio) * (t - 0.5)) / 0.4 : ratio);
  });
}
