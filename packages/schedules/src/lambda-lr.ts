// The initial rate times a custom factor.
import { checkFunction } from './check.js';
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
 * @see torch.optim.lr_scheduler.LambdaLR
 */
export function lambdaLr({ lr, factor }: LambdaLrOptions): Schedule {
  checkFunction('lambdaLr', 'factor', factor);
  return scheduleOf('lambdaLr', { lr }, {}, (step) => lr * factor(step));
}
