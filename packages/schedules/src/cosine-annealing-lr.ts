// Cosine annealing.
import { refuseOthers, requireObject } from './check.js';
import { anneal } from './anneal.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link cosineAnnealingLr}. */
export interface CosineAnnealingLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The rate at `totalSteps`; finite, >= 0. Default 0. */
  readonly minLr?: number;
  /** Steps from `lr` to `minLr`; an integer >= 1. torch's `T_max`. */
  readonly totalSteps: number;
}

/**
 * Anneals the rate along a cosine: `minLr + (lr - minLr) · (1 + cos(π · step / totalSteps)) /
 * 2`. Past `totalSteps` the rate rises again, as in torch: to hold it, follow it by another
 * schedule with `sequentialLr`.
 *
 * @param options - see {@link CosineAnnealingLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.CosineAnnealingLR
 * @see Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983
 */
export function cosineAnnealingLr(options: CosineAnnealingLrOptions): Schedule {
  const {
    lr,
    minLr = 0,
    totalSteps,
    ...others
  } = requireObject('cosineAnnealingLr', 'options', options);
  refuseOthers('cosineAnnealingLr', others);
  return scheduleOf('cosineAnnealingLr', { lr, minLr }, { totalSteps }, (step) =>
    anneal(lr, minLr, step / totalSteps),
  );
}
