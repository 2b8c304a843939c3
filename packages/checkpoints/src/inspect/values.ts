// Statistics of numbers, gathered in one pass.
import { CompensatedSum } from './compensated-sum.js';

// Squares have one sign: so many of them lose nothing that shows in a plain sum.
const SUMMED = 4096;

/** Statistics of the elements of a tensor. */
export interface ValueStatistics {
  /** How many elements there are. */
  readonly count: number;
  /** How many are NaN. */
  readonly nan: number;
  /** How many are infinite and positive. */
  readonly positiveInfinity: number;
  /** How many are infinite and negative. */
  readonly negativeInfinity: number;
  /** How many are 0, of either sign. */
  readonly zeros: number;
  /** The least of the finite elements; NaN where there is none. */
  readonly min: number;
  /** The largest of the finite elements; NaN where there is none. */
  readonly max: number;
  /** The mean of the finite elements; NaN where there is none. */
  readonly mean: number;
  /** The root of the mean of their squares; NaN where there is none. */
  readonly rms: number;
}

/** Gathers statistics. */
export class Values {
  #count = 0;
  #nan = 0;
  #positiveInfinity = 0;
  #negativeInfinity = 0;
  #zeros = 0;
  #min = Infinity;
  #max = -Infinity;
  readonly #sum = new CompensatedSum();
  readonly #squares = new CompensatedSum();

  /** Adds numbers. */
  add(values: Float64Array): void {
    let [min, max, zeros] = [this.#min, this.#max, 0];
    for (let begin = 0; begin < values.length; begin += SUMMED) {
      const end = Math.min(values.length, begin + SUMMED);
      let [sum, error, squares] = [0, 0, 0];
      for (let i = begin; i < end; i += 1) {
        const value = values[i] as number;
        if (!Number.isFinite(value)) {
          this.#addNonFinite(value);
          continue;
        }
        if (value === 0) zeros += 1;
        if (value < min) min = value;
        if (value > max) max = value;
        squares += value * value;
        // The step of a compensated sum, in local variables for speed.
        const next = sum + value;
        const added = next - sum;
        error += sum - (next - added) + (value - added);
        sum = next;
      }
      this.#sum.add(sum);
      this.#sum.add(error);
      this.#squares.add(squares);
    }
    this.#count += values.length;
    this.#zeros += zeros;
    [this.#min, this.#max] = [min, max];
  }

  /** The statistics of all numbers so far. */
  statistics(): ValueStatistics {
    const [nan, positiveInfinity, negativeInfinity] = [
      this.#nan,
      this.#positiveInfinity,
      this.#negativeInfinity,
    ];
    const finite = this.#count - nan - positiveInfinity - negativeInfinity;
    return {
      count: this.#count,
      nan,
      positiveInfinity,
      negativeInfinity,
      zeros: this.#zeros,
      min: finite === 0 ? NaN : this.#min,
      max: finite === 0 ? NaN : this.#max,
      mean: this.#sum.value / finite,
      rms: Math.sqrt(this.#squares.value / finite),
    };
  }

  #addNonFinite(value: number): void {
    if (value === Infinity) this.#positiveInfinity += 1;
    else if (value === -Infinity) this.#negativeInfinity += 1;
    else this.#nan += 1;
  }
}
