// The schedule of snapshot ensembles: one half cosine down for each snapshot.
import { anneal } from './anneal.js';
import { check, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link snapshotLr}. */
export interface SnapshotLrOptions {
  /** The rate at the beginning of each cycle; finite, >= 0. The paper's α₀. */
  readonly lr: number;
  /** Steps of the training; an integer >= 1. The paper's T. */
  readonly totalSteps: number;
  /**
   * Cycles, each with a snapshot at its end; an integer from 1 to `totalSteps`. The paper's M.
   */
  readonly cycles: number;
}

/**
 * Anneals the rate towards 0 in each cycle: `lr / 2 · (cos(π · (step mod C) / C) + 1)` with
 * `C = ⌈totalSteps / cycles⌉`.
 *
 * Take a snapshot after the last step of each cycle, where `(step + 1) % C` is 0, and after the
 * last step of the training. If `cycles` does not divide `totalSteps`, the last cycle is shorter
 * and there may be fewer: 10 steps for 6 cycles are 5 cycles of 2 steps.
 *
 * @param options - see {@link SnapshotLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see Huang et al. 2017, https://arxiv.org/abs/1704.00109, equation 2, which counts steps from 1
 */
export function snapshotLr(options: SnapshotLrOptions): Schedule {
  const { lr, totalSteps, cycles, ...others } = requireObject('snapshotLr', 'options', options);
  refuseOthers('snapshotLr', others);
  check('snapshotLr', { totalSteps }, 1, Infinity, true);
  check('snapshotLr', { cycles }, 1, totalSteps, true);
  const length = Math.ceil(totalSteps / cycles);
  return scheduleOf('snapshotLr', { lr }, {}, (step) => anneal(lr, 0, (step % length) / length));
}
