// What a schedule is: a pure function of the step.
import { check } from './check.js';

/**
 * A learning rate, or a momentum, as a pure function of the step: the same step gives the same
 * number, in any order, so that all there is to save of a schedule is the step.
 *
 * The argument counts the steps taken before, from 0 on: `schedule(0)` is the rate of the first
 * step. It may as well count epochs, and be a fraction unless the schedule says otherwise. The
 * result is finite and >= 0. A step that is no finite number >= 0, and a result that would be none,
 * throw a RangeError.
 */
export type Schedule = (step: number) => number;

/**
 * A schedule that checks what goes in and what comes out.
 *
 * @param call - names the schedule in messages
 * @param amounts - its options that are finite and >= 0
 * @param integers - its options that are integers >= 1
 * @param schedule - the equation
 * @param lastStep - what a step may be at most
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
