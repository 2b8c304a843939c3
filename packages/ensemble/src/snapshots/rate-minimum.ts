// When to take a snapshot: where the learning rate is about to rise again.

/**
 * Whether the learning rate is at the bottom of a cycle in this step, so that a snapshot is due
 * after it: not higher than in the step before, and lower than in the next step.
 *
 * For a cosine or a line that restarts (`snapshotLr`, `cosineAnnealingWarmRestarts`,
 * `cyclicSwaLr`), this is the last step of each cycle. For a triangle (`cyclicLr`), it is the
 * middle of a cycle that begins at the top, as in fast geometric ensembling, and the end of a cycle
 * that begins at the bottom. The first step of a run is never a minimum. Whether the last one is
 * depends on what the schedule gives beyond the run: take a snapshot after it in any case.
 *
 * @param schedule - the learning rate, a pure function of the step
 * @param step - the steps taken before this one, an integer >= 0
 * @returns whether to take a snapshot after it
 * @throws RangeError where `step` is not an integer >= 0
 * @example
 * ```ts
 * import { isRateMinimum } from '@polyak/ensemble';
 *
 * const cosine = (step: number) => 0.1 * (1 + Math.cos((Math.PI * (step % 4)) / 4));
 * const triangle = (step: number) => 0.1 + Math.abs(2 - (step % 4)); // down for two steps, and up
 * const steps = [0, 1, 2, 3, 4, 5, 6, 7];
 * console.log(steps.filter((step) => isRateMinimum(cosine, step))); // [3, 7]
 * console.log(steps.filter((step) => isRateMinimum(triangle, step))); // [2, 6]
 * ```
 *
 * @see Huang et al. 2017, https://arxiv.org/abs/1704.00109, section 3
 * @see Garipov et al. 2018, https://arxiv.org/abs/1802.10026, section 5
 */
export function isRateMinimum(schedule: (step: number) => number, step: number): boolean {
  if (!(Number.isSafeInteger(step) && step >= 0)) {
    throw new RangeError(`isRateMinimum: step is ${step}, expected an integer >= 0.`);
  }
  if (step === 0) return false;
  const rate = schedule(step);
  return rate <= schedule(step - 1) && rate < schedule(step + 1);
}
