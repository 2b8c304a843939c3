// Reports of updates: numbers that show how an average settles.
import type { Backend } from '../backend.js';
import type { AveragingRule } from '../rules/rule.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { floatsOf } from '../tensor/half.js';
import { isFloating } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { RunningAverage } from './running-average.js';

/** The report of one update of one average of one parameter group. */
export type UpdateReport = AveragedReport | SkippedReport;

/** The properties of all reports. */
interface ReportedUpdate {
  /** The name of the average. */
  readonly average: string;
  /** The index of the parameter group. */
  readonly group: number;
  /** The number of updates so far, including this one if it was made. */
  readonly nAvg: number;
}

/** An update that was left out by `nonFinite: 'skip'`. */
export interface SkippedReport extends ReportedUpdate {
  /** Tells the kinds apart. */
  readonly kind: 'skipped';
  /** Which element of which tensor was not finite. */
  readonly reason: string;
}

/** An update that was made. */
export interface AveragedReport extends ReportedUpdate {
  /** Tells the kinds apart. */
  readonly kind: 'averaged';
  /** The weight of the live weights in the new average; 1 in the first update. */
  readonly weight: number;
  /**
   * The number of equally weighted values whose mean would be as noisy as this average: `1 / Σ wᵢ²`
   * (Kish's effective sample size). NaN if the average was loaded after more than a million
   * updates.
   */
  readonly effectiveWindow: number;
  /**
   * The Euclidean norm of the live weights minus the new average, divided by that of the new
   * average.
   */
  readonly distance: number;
  /**
   * The Euclidean norm of the new average minus the old one, divided by that of the new one; 1 in
   * the first update.
   */
  readonly updateSize: number;
}

/** The live weights and averages before an update. */
export interface BeforeUpdate {
  readonly live: readonly HostTensor[];
  readonly old: readonly HostTensor[];
}

// After a load, the weights of at most this many earlier updates are computed again.
const MAX_REPLAY = 1_000_000;

/** Makes the reports of one average. Each costs downloads of the live weights and the averages. */
export class UpdateReporter<T> {
  readonly #backend: Backend<T>;
  readonly #rule: AveragingRule;
  readonly place: Pick<UpdateReport, 'average' | 'group'>;
  /** The sum of the squared weights of all values in the average. */
  #concentration = { nAvg: 0, squares: 0 };

  constructor(
    backend: Backend<T>,
    rule: AveragingRule,
    place: Pick<UpdateReport, 'average' | 'group'>,
  ) {
    this.#backend = backend;
    this.#rule = rule;
    this.place = place;
  }

  /** Reads the live weights and the averages before an update. */
  *before(live: readonly T[], running: RunningAverage<T>): Steps<BeforeUpdate> {
    return {
      live: yield* wait(this.#backend.download(live)),
      old: yield* this.#averages(running),
    };
  }

  /** The report of the update with `weight` that was made after `before`. */
  *after(
    { live, old }: BeforeUpdate,
    weight: number,
    running: RunningAverage<T>,
  ): Steps<UpdateReport> {
    const { nAvg } = running;
    const now = yield* this.#averages(running);
    const size = normOf(now);
    return {
      kind: 'averaged',
      ...this.place,
      nAvg,
      weight,
      effectiveWindow: 1 / this.#squaresAfter(nAvg, weight),
      distance: ratio(normOf(live, now), size),
      updateSize: nAvg === 1 ? 1 : ratio(normOf(now, old), size),
    };
  }

  *#averages({ averages }: RunningAverage<T>): Steps<readonly HostTensor[]> {
    return yield* wait(this.#backend.download(averages.map(({ average }) => average)));
  }

  #squaresAfter(nAvg: number, weight: number): number {
    const { nAvg: known, squares } = this.#concentration;
    const before = known === nAvg - 1 ? squares : squaresOf(this.#rule, nAvg - 1);
    const isWindow = this.#rule.kind === 'window';
    const after = isWindow ? weight : (1 - weight) ** 2 * before + weight ** 2;
    this.#concentration = { nAvg, squares: after };
    return after;
  }
}

/** The sum of squares after `nAvg` updates without reports, such as those of a loaded state. */
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

/** `part / whole`, and 0 for 0 / 0. */
function ratio(part: number, whole: number): number {
  return part === 0 ? 0 : part / whole;
}

/** The Euclidean norm of `a - b`, or of `a`, over all floating tensors, in float64. */
function normOf(a: readonly HostTensor[], b?: readonly HostTensor[]): number {
  let squares = 0;
  for (const [index, tensor] of a.entries()) {
    if (!isFloating(tensor.dtype)) continue;
    const other = b?.[index];
    const [minuend, subtrahend] = [floatsOf(tensor), other && floatsOf(other)];
    for (let i = 0; i < minuend.length; i += 1) {
      squares += ((minuend[i] ?? 0) - (subtrahend?.[i] ?? 0)) ** 2;
    }
  }
  return Math.sqrt(squares);
}
