// The learning-rate schedule of the paper: flat, then a straight line, then flat again.

/** The part of a run before which the learning rate does not depend on the final one. */
export const FLAT_PART = 0.5;

/**
 * The learning rate: `initial` until half of the run, then linear to `final` at 90 %, then
 * constant.
 *
 * @param progress - how much of the run has passed, from 0 to 1
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407; `schedule` in
 * github.com/timgaripov/swa, train.py
 */
export function learningRate(progress: number, initial: number, final: number): number {
  if (progress <= FLAT_PART) return initial;
  if (progress >= 0.9) return final;
  return initial + ((final - initial) * (progress - FLAT_PART)) / 0.4;
}
