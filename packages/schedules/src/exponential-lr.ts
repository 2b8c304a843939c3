// Decay by a factor at every step.
import { requireObject } from './check.js';
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
 * @throws TypeError where the options are no object
 * @see torch.optim.lr_scheduler.ExponentialLR
 */
export function exponentialLr(options: ExponentialLrOptions): Schedule {
  const { lr, gamma } = requireObject('exponentialLr', 'options', options);
  return scheduleOf('exponentialLr', { lr, gamma }, {}, (step) => lr * gamma ** step);
}
