// The rate of the previous step times a custom factor.
import { check, checkFunction } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link multiplicativeLr}. */
export interface MultiplicativeLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The factor on the previous rate, for steps from 1; a pure function with results >= 0. */
  readonly factor: (step: number) => number;
}

/**
 * The rate of the previous step times a custom factor: `lr · factor(1) · … · factor(step)`. Steps
 * are integers.
 *
 * A call for a later step continues from the last call; one for an earlier step starts at step 0.
 *
 * @param options - see {@link MultiplicativeLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @see torch.optim.lr_scheduler.MultiplicativeLR
 */
export function multiplicativeLr({ lr, factor }: MultiplicativeLrOptions): Schedule {
  checkFunction('multiplicativeLr', 'factor', factor);
  // Keeps the last product, so that each step of training takes one multiplication. A restart gives
  // the same bits.
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
