// The cyclical schedule of the SWA paper: a line down, then a jump back up.
import { anneal } from './anneal.js';
import { check, refuseOthers, requireObject } from './check.js';
import { scheduleOf } from './schedule.js';
import type { Schedule } from './schedule.js';

/** Options of {@link cyclicSwaLr}. */
export interface CyclicSwaLrOptions {
  /** The rate before the first step of a cycle; finite, >= `minLr`. The paper's α₁. */
  readonly maxLr: number;
  /** The rate of a cycle's last step; finite, >= 0. The paper's α₂. */
  readonly minLr: number;
  /** Steps of a cycle; an integer >= 1. The paper's c. With 1, the rate is always `minLr`. */
  readonly cycleSteps: number;
}

/**
 * Falls along a line in each cycle: `(1 - t) · maxLr + t · minLr` with
 * `t = (step mod cycleSteps + 1) / cycleSteps`.
 *
 * The last step of a cycle has the lowest rate. SWA with `swaFreq: cycleSteps` averages after it.
 *
 * @param options - see {@link CyclicSwaLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407, section 3.1, which counts steps from
 * 1
 */
export function cyclicSwaLr(options: CyclicSwaLrOptions): Schedule {
  const { maxLr, minLr, cycleSteps, ...others } = requireObject('cyclicSwaLr', 'options', options);
  refuseOthers('cyclicSwaLr', others);
  check('cyclicSwaLr', { minLr });
  check('cyclicSwaLr', { maxLr }, minLr);
  return scheduleOf('cyclicSwaLr', {}, { cycleSteps }, (step) =>
    anneal(maxLr, minLr, ((step % cycleSteps) + 1) / cycleSteps, 'linear'),
  );
}
