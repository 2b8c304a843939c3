// The cyclical learning rate, and the momentum that moves against it.
import { check, checkFunction, refuseOthers, requireObject } from '../check.js';
import { scheduleOf } from '../schedule.js';
import type { Schedule } from '../schedule.js';

/**
 * A pure function that gives the factor on the amplitude of a cycle. `cycle` counts from 1, `step`
 * from 0.
 *
 * torch's modes are {@link triangular}, {@link triangular2} and {@link expRange}; its `scale_fn` is
 * a function of your own.
 */
export type CyclicScale = (cycle: number, step: number) => number;

/** Options that {@link cyclicLr} and {@link cyclicMomentum} share. */
export interface CyclicOptions {
  /** Steps from the first bound to the second; an integer >= 1. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps back; an integer >= 1. Default `stepSizeUp`. */
  readonly stepSizeDown?: number;
  /** The factor on the amplitude of each cycle. Default {@link triangular}. */
  readonly scale?: CyclicScale;
}

/** Options of {@link cyclicLr}. */
export interface CyclicLrOptions extends CyclicOptions {
  /** The rate at the start and end of a cycle; finite, >= 0. */
  readonly baseLr: number;
  /** The rate at the peak of an unscaled cycle; finite, >= 0. */
  readonly maxLr: number;
}

/** Options of {@link cyclicMomentum}. */
export interface CyclicMomentumOptions extends CyclicOptions {
  /**
   * The momentum at the peak of the rate, in an unscaled cycle; finite, >= 0. Default 0.8.
   */
  readonly baseMomentum?: number;
  /** The momentum at the start and end of a cycle; finite, >= 0. Default 0.9. */
  readonly maxMomentum?: number;
}

/**
 * Every cycle has the full amplitude.
 *
 * @returns 1
 */
export const triangular: CyclicScale = () => 1;

/**
 * Every cycle has half the amplitude of the one before: `1 / 2^(cycle - 1)`.
 *
 * @param cycle - from 1 on
 * @returns the factor
 */
export const triangular2: CyclicScale = (cycle) => 2 ** (1 - cycle);

/**
 * The amplitude shrinks with every step: `gamma^step`.
 *
 * @param gamma - the factor of each step; finite, >= 0
 * @returns the scale
 * @throws RangeError where `gamma` is out of its range
 */
export function expRange(gamma: number): CyclicScale {
  check('expRange', { gamma });
  return (_cycle, step) => gamma ** step;
}

/**
 * Moves the rate between two bounds: `baseLr + (maxLr - baseLr) · h · scale(cycle,
 * step)`, where `h` rises from 0 to 1 in `stepSizeUp` steps and falls back in `stepSizeDown`.
 *
 * @param options - see {@link CyclicLrOptions}
 * @returns the rate of each step
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, one of them is not known, or `scale` is not a
 * function
 * @example
 * ```ts
 * import { cyclicLr, cyclicMomentum, triangular2 } from '@polyak/schedules/cyclic';
 *
 * const shape = { stepSizeUp: 2, scale: triangular2 };
 * const lr = cyclicLr({ baseLr: 1, maxLr: 3, ...shape });
 * const momentum = cyclicMomentum({ baseMomentum: 0.5, maxMomentum: 1, ...shape });
 * console.log([0, 1, 2, 3, 4, 5].map(lr)); // [1, 2, 3, 2, 1, 1.5]
 * console.log([0, 1, 2, 3, 4, 5].map(momentum)); // [1, 0.75, 0.5, 0.75, 1, 0.875]
 * ```
 *
 * @see torch.optim.lr_scheduler.CyclicLR
 * @see Smith 2017, https://arxiv.org/abs/1506.01186; github.com/bckenstler/CLR
 */
export function cyclicLr(options: CyclicLrOptions): Schedule {
  const { baseLr, maxLr, ...shape } = requireObject('cyclicLr', 'options', options);
  return cyclic('cyclicLr', { baseLr, maxLr }, baseLr, maxLr, shape);
}

/**
 * Moves the momentum against the rate of {@link cyclicLr}: `maxMomentum - (maxMomentum -
 * baseMomentum) · h · scale(cycle, step)`.
 *
 * @param options - see {@link CyclicMomentumOptions}; the shape is that of the rate
 * @returns the momentum of each step; for Adam and its kind, their first beta
 * @throws RangeError where an option is out of its range
 * @throws TypeError where the options are no object, one of them is not known, or `scale` is not a
 * function
 * @see torch.optim.lr_scheduler.CyclicLR, `cycle_momentum`
 */
export function cyclicMomentum(options: CyclicMomentumOptions = {}): Schedule {
  const {
    baseMomentum = 0.8,
    maxMomentum = 0.9,
    ...shape
  } = requireObject('cyclicMomentum', 'options', options);
  return cyclic('cyclicMomentum', { baseMomentum, maxMomentum }, maxMomentum, baseMomentum, shape);
}

function cyclic(
  call: string,
  bounds: Readonly<Record<string, number>>,
  edge: number,
  peak: number,
  { stepSizeUp = 2000, stepSizeDown = stepSizeUp, scale = triangular, ...others }: CyclicOptions,
): Schedule {
  refuseOthers(call, others);
  checkFunction(call, 'scale', scale);
  return scheduleOf(call, bounds, { stepSizeUp, stepSizeDown }, (step) => {
    const length = stepSizeUp + stepSizeDown;
    const way = step % length;
    const cycle = 1 + Math.round((step - way) / length);
    const height = way <= stepSizeUp ? way / stepSizeUp : (length - way) / stepSizeDown;
    const factor = scale(cycle, step);
    check(`${call}(${step})`, { factor }, -Infinity);
    return edge + (peak - edge) * height * factor;
  });
}
