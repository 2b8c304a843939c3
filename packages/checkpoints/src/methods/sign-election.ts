// The mean of the deltas that have the sign which most of them have.
//
// Without branches that depend on signs: those are as good as random, and a loop that branches on
// them takes twice as long.

/** How the sign of an element is elected: by the sum of the weighted deltas, or by their number. */
export type Election = 'sum' | 'count';

/** The names of the elections. */
export const ELECTIONS: readonly Election[] = ['sum', 'count'];

/** Elects the signs of some elements, from the weighted deltas of one model after the other. */
export class SignElection {
  readonly #deltas: Float64Array;
  readonly #means: Float64Array;
  readonly #deltaWords: Int32Array;
  readonly #meanWords: Int32Array;
  /** Of each element, of the deltas that are positive and then of those that are negative. */
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  /** How many there are, the negative ones counted by -1; or the sums. */
  readonly #votes: Float64Array;

  /**
   * @param deltas - where a model's deltas are when they are added
   * @param means - where the result goes, as many elements
   */
  constructor(elect: Election, deltas: Float64Array, means: Float64Array) {
    [this.#deltas, this.#means] = [deltas, means];
    this.#deltaWords = new Int32Array(deltas.buffer);
    this.#meanWords = new Int32Array(means.buffer);
    this.#sums = new Float64Array(2 * deltas.length);
    this.#weights = new Float64Array(2 * deltas.length);
    this.#votes = elect === 'sum' ? this.#sums : new Float64Array(2 * deltas.length);
  }

  /** Begins an election on `count` elements. */
  begin(count: number): void {
    this.#sums.fill(0, 0, 2 * count);
    this.#votes.fill(0, 0, 2 * count);
    // The mean of no deltas is 0. No other weight is so small that this changes it.
    this.#weights.fill(Number.MIN_VALUE, 0, 2 * count);
  }

  /** Adds the deltas of a model, whose weight has the magnitude `weight`. */
  add(weight: number, count: number): void {
    const [deltas, words] = [this.#deltas, this.#deltaWords];
    const [sums, weights, votes] = [this.#sums, this.#weights, this.#votes];
    for (let i = 0; i < count; i += 1) {
      const high = words[2 * i + 1] as number;
      const side = 2 * i + (high >>> 31);
      sums[side] = (sums[side] as number) + (deltas[i] as number);
      weights[side] =
        (weights[side] as number) + weight * oneUnlessZero(high, words[2 * i] as number);
    }
    if (votes === sums) return;
    for (let i = 0; i < count; i += 1) {
      const high = words[2 * i + 1] as number;
      const side = 2 * i + (high >>> 31);
      // The sign as 1 or -1.
      const sign = (high >> 31) | 1;
      votes[side] = (votes[side] as number) + sign * oneUnlessZero(high, words[2 * i] as number);
    }
  }

  /** Writes the weighted means of the deltas with the elected sign; 0 where none is elected. */
  end(count: number): void {
    const [means, words] = [this.#means, this.#meanWords];
    const [sums, weights, votes] = [this.#sums, this.#weights, this.#votes];
    for (let i = 0; i < count; i += 1) {
      means[i] = (votes[2 * i] as number) + (votes[2 * i + 1] as number);
    }
    for (let i = 0; i < count; i += 1) {
      const high = words[2 * i + 1] as number;
      const side = 2 * i + (high >>> 31);
      const mean = (sums[side] as number) / (weights[side] as number);
      means[i] = mean * oneUnlessZero(high, words[2 * i] as number);
    }
  }
}

/** Whether a float64 is not zero, from its words. */
function oneUnlessZero(high: number, low: number): number {
  const bits = (high & 0x7fffffff) | low;
  return (bits | -bits) >>> 31;
}
