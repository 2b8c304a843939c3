// What one update did, in numbers: for those who want to see the average settle.
import type { Backend } from './backend.js';
import { halfValue } from './half.js';
import { isWindow } from './rule.js';
import type { AveragingRule } from './rule.js';
import type { RunningAverage } from './running-average.js';
import { isFloating, isHalf } from './tensor.js';
import type { HostTensor } from './tensor.js';

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
  /** How many equally weighed values would be as noisy a mean as this average: `1 / Σ wᵢ²` (Kish's effective sample size). */
  readonly effectiveWindow: number;
  /** The Euclidean norm of live weights minus new average, divided by that of the new average. */
  readonly distance: number;
  /** The Euclidean norm of new average minus old one, divided by that of the new one; 1 in the first update. */
  readonly updateSize: number;
}

/** Makes the reports of one average of one group. Each costs a download of the live weights and two of the average. */
export class UpdateReporter<T> {
  readonly #backend: Backend<T>;
  readonly #average: RunningAverage<T>;
  readonly #place: Pick<UpdateReport, 'average' | 'group'>;
  #concentration = { nAvg: 0, squares: 0 };

  constructor(
    backend: Backend<T>,
    average: RunningAverage<T>,
    place: Pick<UpdateReport, 'average' | 'group'>,
  ) {
    this.#backend = backend;
    this.#average = average;
    this.#place = place;
  }

  /** Runs `update`, which moves the average to `live`, and reports. */
  async report(live: readonly T[], update: () => Promise<void>): Promise<UpdateReport> {
    const seen = await this.#backend.download(live);
    const old = await this.#backend.download(this.#average.averages);
    await update();
    const now = await this.#backend.download(this.#average.averages);
    const { nAvg, rule } = this.#average;
    const [size, off, moved] = [normOf(now), normOf(seen, now), normOf(now, nAvg === 1 ? undefined : old)];
    return {
      ...this.#place,
      nAvg,
      weight: weightOf(rule, nAvg),
      effectiveWindow: 1 / this.#squaresAfter(rule, nAvg),
      distance: ratio(off, size),
      updateSize: nAvg === 1 ? 1 : ratio(moved, size),
    };
  }

  /** The sum of the squares of the weights that all values have in the average, from the update before where that is known. */
  #squaresAfter(rule: AveragingRule, nAvg: number): number {
    let { nAvg: known, squares } = this.#concentration;
    if (known >= nAvg) known = 0;
    for (; known < nAvg; known += 1) {
      const weight = weightOf(rule, known + 1);
      squares = isWindow(rule) ? weight : (1 - weight) ** 2 * squares + weight ** 2;
    }
    this.#concentration = { nAvg, squares };
    return squares;
  }
}

/** What the value of update `nAvg` weighs after it. */
function weightOf(rule: AveragingRule, nAvg: number): number {
  if (isWindow(rule)) return 1 / Math.min(nAvg, rule.window);
  return nAvg === 1 ? 1 : rule.weight(nAvg - 1);
}

/** 0 / 0 is no distance at all. */
function ratio(part: number, whole: number): number {
  return part === 0 ? 0 : part / whole;
}

/** The Euclidean norm of `minuend - subtrahend` over all floating tensors, in float64; that of `minuend` without a subtrahend. */
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
