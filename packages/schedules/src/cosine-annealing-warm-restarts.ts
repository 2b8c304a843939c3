// Cosine annealing with warm restarts.
import { refuseOthers, requireObject } from './check.js';
import { anneal } from './anneal.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link cosineAnnealingWarmRestarts}. */
export interface CosineAnnealingWarmRestartsOptions {
  /** The rate at each restart; finite, >= 0. */
  readonly lr: number;
  /** The rate that each cycle falls towards; finite, >= 0. Default 0. */
  readonly minLr?: number;
  /** Length of the first cycle, in the unit of the step; an integer >= 1. torch's `T_0`. */
  readonly cycleSteps: number;
  /**
   * The length of each cycle as a multiple of the one before; an integer >= 1. Default 1. torch's
   * `T_mult`.
   */
  readonly cycleFactor?: number;
}

/**
 * Anneals the rate along a cosine and restarts it (SGDR):
 * `minLr + (lr - minLr) · (1 + cos(π · t / T)) / 2`, where `t` counts from the start of the cycle
 * and `T` is its length, `cycleSteps · cycleFactor^n` in cycle n.
 *
 * With epochs as the unit, pass `epoch + batch / batches` to change the rate at every batch. Cycles
 * are counted. torch finds the cycle by a logarithm, which can confuse the first step of a cycle
 * with the end of the one before.
 *
 * @param options - see {@link CosineAnnealingWarmRestartsOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see torch.optim.lr_scheduler.CosineAnnealingWarmRestarts
 * @see Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983
 */
export function cosineAnnealingWarmRestarts(options: CosineAnnealingWarmRestartsOptions): Schedule {
  const {
    lr,
    minLr = 0,
    cycleSteps,
    cycleFactor = 1,
    ...others
  } = requireObject('cosineAnnealingWarmRestarts', 'options', options);
  refuseOthers('cosineAnnealingWarmRestarts', others);
  return scheduleOf(
    'cosineAnnealingWarmRestarts',
    { lr, minLr },
    { cycleSteps, cycleFactor },
    (step) => {
      let start = 0;
      let length = cycleSteps;
      if (cycleFactor === 1) start = step - (step % length);
      while (step - start >= length) {
        start += length;
        length *= cycleFactor;
      }
      return anneal(lr, minLr, (step - start) / length);
    },
  );
}
