// The rate of the previous step times a custom factor.
import { check, checkFunction, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

// More than anyone takes, and few enough to be multiplied.
const MOST_STEPS = 1e8;

/** Options of {@link multiplicativeLr}. */
export interface MultiplicativeLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The factor on the previous rate, for steps from 1; a pure function with results >= 0. */
  readonly factor: (step: number) => number;
}

/**
 * The rate of the previous step times a custom factor: `lr · factor(1) · … · factor(step)`. Steps
 * are integers up to 1e8.
 *
 * A call for a later step continues from the last call; one for an earlier step starts at step 0.
 *
 * @param options - see {@link MultiplicativeLrOptions}
 * @returns the rate of each step, which is an integer up to 1e8
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, one of them is not known, or
 * `factor` is not a function
 * @see torch.optim.lr_scheduler.MultiplicativeLR
 */
export function multiplicativeLr(options: MultiplicativeLrOptions): Schedule {
  const { lr, factor, ...others } = requireObject('multiplicativeLr', 'options', options);
  refuseOthers('multiplicativeLr', others);
  checkFunction('multiplicativeLr', 'factor', factor);
  // Keeps the last product, so that each step of training takes one multiplication. A restart gives
  // the same bits.
  let at = 0;
  let rate = lr;
  return scheduleOf('multiplicativeLr', { lr }, {}, (step) => {
    check('multiplicativeLr', { step }, 0, MOST_STEPS, true);
    if (step < at) [at, rate] = [0, lr];
    while (at < step) {
      const value = factor(at + 1); // may throw
      check(`multiplicativeLr(${step})`, { value });
      const next = rate * value;
      at += 1;
      rate = next;
    }
    return rate;
  });
}
