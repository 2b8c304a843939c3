// Decay by a factor at every step.
import { refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link exponentialLr}. */
export interface ExponentialLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The factor of each step; finite, >= 0. */
  readonly gamma: number;
}

/**
 * Decays the rate at every step: `lr · gamma^step`.
 *
 * @param options - see {@link ExponentialLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.ExponentialLR
 */
export function exponentialLr(options: ExponentialLrOptions): Schedule {
  const { lr, gamma, ...others } = requireObject('exponentialLr', 'options', options);
  refuseOthers('exponentialLr', others);
  return scheduleOf('exponentialLr', { lr, gamma }, {}, (step) => lr * gamma ** step);
}
