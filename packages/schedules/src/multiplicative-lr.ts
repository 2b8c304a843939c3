// A factor of one's own on the rate of the step before.
import { check, checkFunction } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link multiplicativeLr}. */
export interface MultiplicativeLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The factor on the rate of the step before, for a step from 1 on; a pure function, >= 0. */
  readonly factor: (step: number) => number;
}

/**
 * The rate of the step before times a factor of your own: `lr · factor(1) · … · factor(step)`.
 * Steps are integers.
 *
 * A step takes as many multiplications as lie between it and the step asked for before.
 *
 * @param options - see {@link MultiplicativeLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @see torch.optim.lr_scheduler.MultiplicativeLR
 */
export function multiplicativeLr({ lr, factor }: MultiplicativeLrOptions): Schedule {
  checkFunction('multiplicativeLr', 'factor', factor);
  // The last product, so that a training takes one multiplication a step. Begun anew, it comes out
  // the same to the bit.
  let at = 0;
  let rate = lr;
  return scheduleOf('multiplicativeLr', { lr }, {}, (step) => {
    check('multiplicativeLr', { step }, 0, Infinity, true);
    if (step < at) [at, rate] = [0, lr];
    while (at < step) {
      const next = rate * factor(at + 1); // may throw
      at += 1;
      rate = next;
    }
    return rate;
  });
}
