// The initial rate times a custom factor.
import { check, checkFunction, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link lambdaLr}. */
export interface LambdaLrOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** The factor on `lr` at a step; a pure function with results >= 0. */
  readonly factor: (step: number) => number;
}

/**
 * The initial rate times a custom factor: `lr · factor(step)`.
 *
 * @param options - see {@link LambdaLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, one of them is not known, or
 * `factor` is not a function
 * @see torch.optim.lr_scheduler.LambdaLR
 */
export function lambdaLr(options: LambdaLrOptions): Schedule {
  const { lr, factor, ...others } = requireObject('lambdaLr', 'options', options);
  refuseOthers('lambdaLr', others);
  checkFunction('lambdaLr', 'factor', factor);
  return scheduleOf('lambdaLr', { lr }, {}, (step) => {
    const value = factor(step);
    check(`lambdaLr(${step})`, { value });
    return lr * value;
  });
}
