// How the elements of one tensor differ from those of another, gathered in one pass.
import { CompensatedSum } from './compensated-sum.js';

// How many products are summed before their sum is added to a compensated one.
const SUMMED = 4096;

/** How the elements of a tensor differ between two checkpoints. */
export interface ValueDifference {
  /** How many elements there are. */
  readonly count: number;
  /** The largest absolute difference of two finite elements. */
  readonly largest: number;
  /** The index of the element with it, in row-major order; -1 where there is no difference. */
  readonly largestAt: number;
  /** The root of the mean square of the differences. */
  readonly rms: number;
  /** It, relative to the rms of the first checkpoint's elements; 0 where both are 0. */
  readonly relativeRms: number;
  /** The cosine of the angle between both; NaN where one has only zeros. */
  readonly cosine: number;
  /** How many elements are not finite in one of them, and not the same in the other. */
  readonly nonFinite: number;
}

/** Gathers differences. Elements that are not finite in one of the checkpoints are counted only. */
export class Pair {
  #count = 0;
  #finite = 0;
  #nonFinite = 0;
  #largest = 0;
  #largestAt = -1;
  readonly #differences = new CompensatedSum();
  readonly #first = new CompensatedSum();
  readonly #second = new CompensatedSum();
  readonly #products = new CompensatedSum();

  /**
   * Adds elements.
   *
   * @param a - of one tensor
   * @param b - of the other, as many
   * @param begin - the index of the first in the tensors
   */
  add(a: Float64Array, b: Float64Array, begin: number): void {
    for (let from = 0; from < a.length; from += SUMMED) {
      this.#addBlock(a, b, from, Math.min(a.length, from + SUMMED), begin);
    }
    this.#count += a.length;
  }

  /** How all elements so far differ. */
  difference(): ValueDifference {
    const [first, second] = [this.#first.value, this.#second.value];
    const differences = this.#differences.value;
    const cosine = this.#products.value / Math.sqrt(first * second);
    return {
      count: this.#count,
      largest: this.#largest,
      largestAt: this.#largestAt,
      rms: this.#finite === 0 ? 0 : Math.sqrt(differences / this.#finite),
      relativeRms: differences === 0 ? 0 : Math.sqrt(differences / first),
      cosine: Math.max(-1, Math.min(1, cosine)),
      nonFinite: this.#nonFinite,
    };
  }

  #addBlock(a: Float64Array, b: Float64Array, from: number, to: number, begin: number): void {
    let [largest, largestAt] = [this.#largest, this.#largestAt];
    let [differences, first, second, products] = [0, 0, 0, 0];
    let finite = 0;
    for (let i = from; i < to; i += 1) {
      const x = a[i] as number;
      const y = b[i] as number;
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        if (!Object.is(x, y)) this.#nonFinite += 1;
        continue;
      }
      const difference = y - x;
      if (Math.abs(difference) > largest) {
        largest = Math.abs(difference);
        largestAt = begin + i;
      }
      finite += 1;
      differences += difference * difference;
      first += x * x;
      second += y * y;
      products += x * y;
    }
    [this.#largest, this.#largestAt] = [largest, largestAt];
    this.#finite += finite;
    this.#differences.add(differences);
    this.#first.add(first);
    this.#second.add(second);
    this.#products.add(products);
  }
}
