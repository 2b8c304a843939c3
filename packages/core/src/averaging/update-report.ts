// What one update did, in numbers: for those who want to see the average settle.
import type { Backend } from '../backend.js';
import type { AveragingRule } from '../rules/rule.js';
import { halfValue } from '../tensor/half.js';
import { isFloating, isHalf } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { RunningAverage } from './running-average.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';

/** One update of one average of one parameter group. */
export interface UpdateReport {
  /** The name of the average. */
  readonly average: string;
  /** The place of the parameter group. */
  readonly group: number;
  /** The updates so far, this one included. */
  readonly nAvg: number;
  /** What the live weights weigh in the new average: 1 in the first update. */
  readonly weight: number;
  /**
   * How many equally weighed values would be as noisy a mean as this average: `1 / Σ wᵢ²` (Kish's
   * effective sample size). NaN where the average was loaded after more than a million updates.
   */
  readonly effectiveWindow: number;
  /** The Euclidean norm of live weights minus new average, divided by that of the new average. */
  readonly distance: number;
  /**
   * The Euclidean norm of new average minus old one, divided by that of the new one; 1 in the first
   * update.
   */
  readonly updateSize: number;
}

/** What an update begins with. */
export interface BeforeUpdate {
  readonly live: readonly HostTensor[];
  readonly old: readonly HostTensor[];
}

// Beyond, the weights of so many updates before are not asked for anew: the effective window is NaN
// then.
const MAX_REPLAY = 1_000_000;

/** Makes the reports of one average. Each costs downloads of the live weights and the averages. */
export class UpdateReporter<T> {
  readonly #backend: Backend<T>;
  readonly #rule: AveragingRule;
  readonly #place: Pick<UpdateReport, 'average' | 'group'>;
  /** The sum of the squares of the weights that all values have in the average. */
  #concentration = { nAvg: 0, squares: 0 };

  constructor(
    backend: Backend<T>,
    rule: AveragingRule,
    place: Pick<UpdateReport, 'average' | 'group'>,
  ) {
    this.#backend = backend;
    this.#rule = rule;
    this.#place = place;
  }

  /** What has to be read before the update. */
  *before(live: readonly T[], { averages }: RunningAverage<T>): Steps<BeforeUpdate> {
    return {
      live: yield* wait(this.#backend.download(live)),
      old: yield* wait(this.#backend.download(averages)),
    };
  }

  /** The report of the update with `weight` that has been made since. */
  *after(
    { live, old }: BeforeUpdate,
    weight: number,
    { nAvg, averages }: RunningAverage<T>,
  ): Steps<UpdateReport> {
    const now = yield* wait(this.#backend.download(averages));
    const isFirst = nAvg === 1;
    const [size, off] = [normOf(now), normOf(live, now)];
    const moved = normOf(now, isFirst ? undefined : old);
    return {
      ...this.#place,
      nAvg,
      weight,
      effectiveWindow: 1 / this.#squaresAfter(this.#rule, nAvg, weight),
      distance: ratio(off, size),
      updateSize: isFirst ? 1 : ratio(moved, size),
    };
  }

  #squaresAfter(rule: AveragingRule, nAvg: number, weight: number): number {
    const { nAvg: known, squares } = this.#concentration;
    const isNext = known === nAvg - 1;
    const before = isNext ? squares : squaresOf(rule, nAvg - 1);
    const after = rule.kind === 'window' ? weight : (1 - weight) ** 2 * before + weight ** 2;
    this.#concentration = { nAvg, squares: after };
    return after;
  }
}

/** The sum of squares after `nAvg` updates that nobody watched, such as those of a loaded state. */
function squaresOf(rule: AveragingRule, nAvg: number): number {
  if (rule.kind === 'window') return 1 / Math.min(nAvg, rule.window);
  if (nAvg > MAX_REPLAY) return NaN;
  let squares = 1;
  for (let n = 1; n < nAvg; n += 1) {
    const weight = rule.weight(n);
    squares = (1 - weight) ** 2 * squares + weight ** 2;
  }
  return squares;
}

/** 0 / 0 is no distance at all. */
function ratio(part: number, whole: number): number {
  return part === 0 ? 0 : part / whole;
}

/**
 * The Euclidean norm of `minuend - subtrahend` over all floating tensors, in float64; that of
 * `minuend` without a subtrahend.
 */
function normOf(minuend: readonly HostTensor[], subtrahend?: readonly HostTensor[]): number {
  let squares = 0;
  for (const [index, tensor] of minuend.entries()) {
    if (!isFloating(tensor.dtype)) continue;
    const [a, other] = [valuesOf(tensor), subtrahend?.[index]];
    const b = other === undefined ? undefined : valuesOf(other);
    for (let i = 0; i < a.length; i += 1) squares += ((a[i] ?? 0) - (b?.[i] ?? 0)) ** 2;
  }
  return Math.sqrt(squares);
}

function valuesOf({ dtype, data }: HostTensor): Float64Array {
  return isHalf(dtype)
    ? Float64Array.from(data as Uint16Array, (bits) => halfValue(dtype, bits))
    : (data as Float64Array);
}
