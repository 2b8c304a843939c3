// Decay by a factor at regular steps.
import { refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link stepLr}. */
export interface StepLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** Steps between two decays; an integer >= 1. */
  readonly stepSize: number;
  /** The factor of each decay; finite, >= 0. Default 0.1. */
  readonly gamma?: number;
}

/**
 * Decays the rate every `stepSize` steps: `lr · gamma^⌊step / stepSize⌋`.
 *
 * @param options - see {@link StepLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.StepLR
 */
export function stepLr(options: StepLrOptions): Schedule {
  const { lr, stepSize, gamma = 0.1, ...others } = requireObject('stepLr', 'options', options);
  refuseOthers('stepLr', others);
  return scheduleOf(
    'stepLr',
    { lr, gamma },
    { stepSize },
    (step) => lr * gamma ** Math.floor(step / stepSize),
  );
}
