// Sums over a tensor, from the sums of its blocks.

/** Sums of products, compensated from block to block (Neumaier's summation). */
export class BlockSums {
  readonly #sums: Float64Array;
  readonly #lost: Float64Array;

  constructor(count: number) {
    this.#sums = new Float64Array(count);
    this.#lost = new Float64Array(count);
  }

  /** Adds what a block comes to. */
  add(index: number, term: number): void {
    const sum = this.#sums[index] as number;
    const next = sum + term;
    const lost = Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    this.#sums[index] = next;
    this.#lost[index] = (this.#lost[index] as number) + lost;
  }

  /** The sum so far. */
  total(index: number): number {
    return (this.#sums[index] as number) + (this.#lost[index] as number);
  }
}

/** Σ a_i b_i of the first `count` elements, by four partial sums. */
export function dot(a: Float64Array, b: Float64Array, count: number): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < count; i += 4) {
    first += (a[i] as number) * (b[i] as number);
    second += (a[i + 1] as number) * (b[i + 1] as number);
    third += (a[i + 2] as number) * (b[i + 2] as number);
    fourth += (a[i + 3] as number) * (b[i + 3] as number);
  }
  for (; i < count; i += 1) first += (a[i] as number) * (b[i] as number);
  return first + second + (third + fourth);
}
