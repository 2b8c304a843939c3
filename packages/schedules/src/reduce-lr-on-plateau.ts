// Reduces the rate when a metric stops improving: the one schedule that depends on more than the
// step.
import { check, checkWord, refuseOthers, requireObject } from './check.js';

/** Options of {@link reduceLrOnPlateau}. */
export interface ReduceLrOnPlateauOptions {
  /** The initial rate; finite, >= 0. */
  readonly lr: number;
  /** Whether a smaller metric is better (a loss) or a greater one. Default `min`. */
  readonly mode?: 'min' | 'max';
  /** The factor of each reduction; in [0, 1]. Default 0.1. */
  readonly factor?: number;
  /** How many metrics in a row may fail to improve; an integer >= 0. Default 10. */
  readonly patience?: number;
  /**
   * By how much a metric must be better than the best to improve; finite, >= 0. Default 1e-4.
   */
  readonly threshold?: number;
  /** Whether `threshold` is relative to the best metric or absolute. Default `rel`. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** How many metrics after a reduction are not counted; an integer >= 0. Default 0. */
  readonly cooldown?: number;
  /** The lowest rate; finite, >= 0. Default 0. */
  readonly minLr?: number;
  /** Reductions must be greater than this; finite, >= 0. Default 1e-8. */
  readonly eps?: number;
}

/** The state of a {@link Plateau}: plain data to save and restore. */
export type PlateauState = {
  /** The rate now. */
  readonly lr: number;
  /** The best metric so far; null before the first. */
  readonly best: number | null;
  /** Metrics without improvement since the best or the last reduction. */
  readonly bad: number;
  /** Metrics to come that are not counted. */
  readonly wait: number;
};

/** The state machine of {@link reduceLrOnPlateau}. */
export interface Plateau {
  /** The state before the first metric. */
  readonly initial: PlateauState;
  /**
   * The state after one more metric; a pure function.
   *
   * @param state - `initial`, or what `next` gave
   * @param metric - usually of one epoch; finite
   * @throws RangeError where the state or the metric has a number that is not finite
   * @throws TypeError where the state is no object
   */
  readonly next: (state: PlateauState, metric: number) => PlateauState;
}

/**
 * Reduces the rate when a metric has failed to improve more than `patience` times in a row:
 * `lr ← max(lr · factor, minLr)`.
 *
 * A metric improves if it is better than the best by more than `threshold · |best|`, or in mode
 * `abs` by more than `threshold`. torch has `best · (1 ± threshold)`: there, a metric below zero
 * may get worse and count as an improvement.
 *
 * @param options - see {@link ReduceLrOnPlateauOptions}
 * @returns a state machine over plain data
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, or one of them is not known
 * @example
 * ```ts
 * import { reduceLrOnPlateau } from '@polyak/schedules';
 *
 * const plateau = reduceLrOnPlateau({ lr: 1, factor: 0.5, patience: 1 });
 * let state = plateau.initial;
 * for (const loss of [3, 2, 2, 2]) state = plateau.next(state, loss);
 * console.log(state.lr); // 0.5
 * state = JSON.parse(JSON.stringify(state)); // saved and restored
 * ```
 *
 * @see torch.optim.lr_scheduler.ReduceLROnPlateau
 */
export function reduceLrOnPlateau(options: ReduceLrOnPlateauOptions): Plateau {
  const {
    lr,
    mode = 'min',
    factor = 0.1,
    patience = 10,
    threshold = 1e-4,
    thresholdMode = 'rel',
    cooldown = 0,
    minLr = 0,
    eps = 1e-8,
    ...others
  } = requireObject(CALL, 'options', options);
  refuseOthers(CALL, others);
  check(CALL, { lr, threshold, minLr, eps });
  check(CALL, { patience, cooldown }, 0, Infinity, true);
  check(CALL, { factor }, 0, 1);
  checkWord(CALL, 'mode', mode, 'min', 'max');
  checkWord(CALL, 'thresholdMode', thresholdMode, 'rel', 'abs');
  const sign = mode === 'max' ? -1 : 1;
  return {
    initial: { lr, best: null, bad: 0, wait: 0 },
    next(state, metric) {
      let { lr: rate, best, bad, wait } = requireObject(CALL, 'state', state);
      check(CALL, { lr: rate, bad, wait });
      check(CALL, { metric, best: best === null ? 0 : best }, -Infinity);
      bad += 1;
      if (
        best === null ||
        sign * (best - metric) > threshold * (thresholdMode === 'abs' ? 1 : Math.abs(best))
      ) {
        best = metric;
        bad = 0;
      }
      if (wait > 0) {
        wait -= 1;
        bad = 0;
      }
      if (bad > patience) {
        const reduced = Math.max(rate * factor, minLr);
        if (rate - reduced > eps) rate = reduced;
        wait = cooldown;
        bad = 0;
      }
      return { lr: rate, best, bad, wait };
    },
  };
}

const CALL = 'reduceLrOnPlateau';
