// A line between two factors, for a warm-up or a decay.
import { anneal } from './anneal.js';
import { check, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link linearLr}. */
export interface LinearLrOptions {
  /** The rate that the factors scale; finite, >= 0. */
  readonly lr: number;
  /** The factor at step 0; in [0, 1]. Default 1/3. */
  readonly startFactor?: number;
  /** The factor from `totalSteps` on; in [0, 1]. Default 1. */
  readonly endFactor?: number;
  /** Steps from one factor to the other; an integer >= 1. Default 5. */
  readonly totalSteps?: number;
}

/**
 * Moves the rate along a line, then holds it: `lr · (startFactor + (endFactor - startFactor) ·
 * min(1, step / totalSteps))`.
 *
 * @param options - see {@link LinearLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.LinearLR
 */
export function linearLr(options: LinearLrOptions): Schedule {
  const {
    lr,
    startFactor = 1 / 3,
    endFactor = 1,
    totalSteps = 5,
    ...others
  } = requireObject('linearLr', 'options', options);
  refuseOthers('linearLr', others);
  check('linearLr', { startFactor, endFactor }, 0, 1);
  return scheduleOf(
    'linearLr',
    { lr },
    { totalSteps },
    (step) => lr * anneal(startFactor, endFactor, Math.min(1, step / totalSteps), 'linear'),
  );
}
