// Decay by a factor at given steps.
import { check, listOf, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link multiStepLr}. */
export interface MultiStepLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /**
   * The steps at which the rate decays, in any order; integers >= 0. A step that is listed twice
   * decays twice.
   */
  readonly milestones: readonly number[];
  /** The factor of each decay; finite, >= 0. Default 0.1. */
  readonly gamma?: number;
}

/**
 * Decays the rate at each milestone: `lr · gamma^(number of milestones <= step)`.
 *
 * @param options - see {@link MultiStepLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, one of them is not known, or the milestones
 * are no list
 * @see torch.optim.lr_scheduler.MultiStepLR
 */
export function multiStepLr(options: MultiStepLrOptions): Schedule {
  const {
    lr,
    milestones,
    gamma = 0.1,
    ...others
  } = requireObject('multiStepLr', 'options', options);
  refuseOthers('multiStepLr', others);
  const fixed = listOf('multiStepLr', 'milestones', milestones);
  for (const milestone of fixed) check('multiStepLr', { milestone }, 0, Infinity, true);
  return scheduleOf(
    'multiStepLr',
    { lr, gamma },
    {},
    (step) => lr * gamma ** fixed.filter((at) => at <= step).length,
  );
}
