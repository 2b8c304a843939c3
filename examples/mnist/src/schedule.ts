// The learning-rate schedule of the paper: flat, then a straight line down, then flat again.

/**
 * The factor on the initial learning rate: 1 until half of the schedule, then linear down to `finalRatio` at 90 %, then
 * constant.
 *
 * @param progress - how much of the schedule has passed, from 0 to 1; past 1 the factor stays
 * @param finalRatio - the final learning rate over the initial one
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407; `schedule` in github.com/timgaripov/swa, train.py
 */
export function scheduleFactor(progress: number, finalRatio: number): number {
  if (progress <= 0.5) {
    return 1;
  }
  if (progress >= 0.9) {
    return finalRatio;
  }
  return 1 - ((1 - finalRatio) * (progress - 0.5)) / 0.4;
}
