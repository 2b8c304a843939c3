// One schedule after another.
import { check, checkFunction } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/**
 * This schedule until a step, then that one, which takes the step for its own step 0.
 *
 * A schedule that is to go on from the rate of the one before is made with that rate,
 * `before(milestone)`: see the example of `swaLr`.
 *
 * @param schedules - in order, of rates or of momenta
 * @param milestones - the first step of each schedule after the first; increasing integers >= 1
 * @returns the rate of each step
 * @throws RangeError where there are more or fewer milestones, or where they do not increase
 * @see torch.optim.lr_scheduler.SequentialLR
 */
export function sequentialLr(
  schedules: readonly Schedule[],
  milestones: readonly number[],
): Schedule {
  const parts = [...schedules];
  const starts = [0, ...milestones];
  const count = parts.length - 1;
  check('sequentialLr', { 'milestones.length': milestones.length }, count, count);
  for (const schedule of parts) checkFunction('sequentialLr', 'a schedule', schedule);
  milestones.forEach((milestone, index) => {
    check('sequentialLr', { milestone }, (starts[index] ?? 0) + 1, Infinity, true);
  });
  return scheduleOf('sequentialLr', {}, {}, (step) => {
    const index = starts.filter((start) => start <= step).length - 1;
    return parts[index]?.(step - (starts[index] ?? 0)) ?? NaN;
  });
}
