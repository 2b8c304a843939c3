// Decay to 0 as a power of the remaining steps.
import { refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link polynomialLr}. */
export interface PolynomialLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The first step with a rate of 0; an integer >= 1. Default 5. */
  readonly totalSteps?: number;
  /** The power; finite, >= 0. Default 1, a line. */
  readonly power?: number;
}

/**
 * Decays the rate to 0 as a power of the remaining share of steps:
 * `lr · (1 - min(1, step / totalSteps))^power`.
 *
 * @param options - see {@link PolynomialLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.PolynomialLR
 */
export function polynomialLr(options: PolynomialLrOptions): Schedule {
  const {
    lr,
    totalSteps = 5,
    power = 1,
    ...others
  } = requireObject('polynomialLr', 'options', options);
  refuseOthers('polynomialLr', others);
  return scheduleOf(
    'polynomialLr',
    { lr, power },
    { totalSteps },
    (step) => lr * Math.max(0, 1 - step / totalSteps) ** power,
  );
}
