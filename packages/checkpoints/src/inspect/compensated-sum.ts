// A sum in float64 whose rounding errors are summed too.

/**
 * A compensated sum: nearly as exact as if it were computed in twice the precision.
 *
 * @see Ogita, Rump, Oishi 2005, Accurate sum and dot product, algorithm 4.4
 */
export class CompensatedSum {
  #sum = 0;
  #error = 0;

  /** The sum so far; it is not finite where float64 cannot hold it. */
  get value(): number {
    return Number.isFinite(this.#sum) ? this.#sum + this.#error : this.#sum;
  }

  /** Adds a number. */
  add(number: number): void {
    const sum = this.#sum + number;
    const added = sum - this.#sum;
    this.#error += this.#sum - (sum - added) + (number - added);
    this.#sum = sum;
  }
}
