// One schedule after another.
import { check, checkFunction, listOf } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/**
 * Schedules one after the other. Each starts at its own step 0.
 *
 * To continue from the rate of the schedule before, make the next one with `before(milestone)`: see
 * the example of `swaLr`.
 *
 * @param schedules - in order, of rates or of momenta
 * @param milestones - the first step of each schedule after the first; increasing integers >= 1
 * @returns the rate of each step
 * @throws RangeError where the number of milestones is wrong, or they do not increase
 * @throws TypeError where an argument is no list, or a schedule is not a function
 * @see torch.optim.lr_scheduler.SequentialLR
 */
export function sequentialLr(
  schedules: readonly Schedule[],
  milestones: readonly number[],
): Schedule {
  const parts = listOf('sequentialLr', 'schedules', schedules);
  const ends = listOf('sequentialLr', 'milestones', milestones);
  const starts = [0, ...ends];
  const count = parts.length - 1;
  check('sequentialLr', { 'milestones.length': ends.length }, count, count);
  for (const schedule of parts) checkFunction('sequentialLr', 'a schedule', schedule);
  ends.forEach((milestone, index) => {
    check('sequentialLr', { milestone }, (starts[index] ?? 0) + 1, Infinity, true);
  });
  return scheduleOf('sequentialLr', {}, {}, (step) => {
    const index = starts.filter((start) => start <= step).length - 1;
    return parts[index]?.(step - (starts[index] ?? 0)) ?? NaN;
  });
}
