// Schedules: pure functions of the step.
import { check } from './check.js';

/**
 * A learning rate, or a momentum, as a pure function of the step: the same step always gives the
 * same number, so only the step needs saving.
 *
 * The argument is the number of steps taken before: `schedule(0)` is the rate of the first step. It
 * may also count epochs, and be a fraction unless the schedule says otherwise. Step and result are
 * finite and >= 0; anything else throws a RangeError.
 */
export type Schedule = (step: number) => number;

/**
 * A schedule that checks its options, its steps and its results.
 *
 * @param call - its name for messages
 * @param amounts - its options that are finite and >= 0
 * @param integers - its options that are integers >= 1
 * @param schedule - the equation
 * @param lastStep - the greatest step
 */
export function scheduleOf(
  call: string,
  amounts: Readonly<Record<string, number>>,
  integers: Readonly<Record<string, number>>,
  schedule: Schedule,
  lastStep?: number,
): Schedule {
  check(call, amounts);
  check(call, integers, 1, Infinity, true);
  return (step) => {
    check(call, { step }, 0, lastStep);
    const value = schedule(step);
    check(`${call}(${step})`, { value });
    return value;
  };
}
