// Exact sums, element by element: with one term less, a sum is that of the others.

// Leaves room for the smaller parts, which a check of the largest one does not see.
const LARGEST = Number.MAX_VALUE * (1 - 2 ** -20);

/**
 * The exact sum of float64 terms, for each element of an array.
 *
 * A sum is kept in several parts. Each addition is Knuth's TwoSum: the part takes the rounded sum,
 * the next part takes the rounding error, and where the last part has an error as well, there is a
 * further part. So no bit is ever lost. Float32 numbers of like size take one part or two, those of
 * all sizes six; float64 numbers of all sizes take forty.
 *
 * @see Shewchuk 1997, Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
 *   Predicates, https://doi.org/10.1007/PL00009321, section 2
 */
export class ExactSum {
  readonly #parts: Float64Array[];

  /** @param length - the number of elements */
  constructor(length: number) {
    this.#parts = [new Float64Array(length)];
  }

  /** Arrays that add up to the sum, one at least. Not copies. */
  get parts(): readonly Float64Array[] {
    return this.#parts;
  }

  /** Whether `terms` can be added without an overflow. */
  canAdd(terms: Float64Array): boolean {
    const [first] = this.#parts as [Float64Array];
    for (let i = 0; i < terms.length; i += 1) {
      if (!(Math.abs((first[i] as number) + (terms[i] as number)) <= LARGEST)) return false;
    }
    return true;
  }

  /**
   * Adds one term to each element.
   *
   * @param terms - which {@link ExactSum.canAdd}
   */
  add(terms: Float64Array): void {
    const parts = this.#parts;
    const [first] = parts as [Float64Array];
    for (let i = 0; i < terms.length; i += 1) {
      let error = addTo(first, i, terms[i] as number);
      for (let k = 1; error !== 0; k += 1) {
        const part = (parts[k] ??= new Float64Array(terms.length));
        error = addTo(part, i, error);
      }
    }
  }

  /** The sums, each rounded once to float64: the same whatever the order of the additions was. */
  rounded(): Float64Array {
    const [first, second, ...further] = this.#parts as [Float64Array, ...Float64Array[]];
    if (second === undefined) return first.slice();
    return first.map((value, i) =>
      further.some((part) => part[i] !== 0)
        ? roundedSum(this.#parts.map((part) => part[i] as number))
        : value + (second[i] as number),
    );
  }
}

/** Adds `term` to an element, and returns the rounding error. */
function addTo(part: Float64Array, i: number, term: number): number {
  const old = part[i] as number;
  const sum = old + term;
  const added = sum - old;
  part[i] = sum;
  return old - (sum - added) + (term - added);
}

/**
 * The sum of a few numbers, rounded once to the nearest float64, ties to even.
 *
 * @see Python's math.fsum, whose algorithm this is
 */
function roundedSum(terms: readonly number[]): number {
  // Their sum is that of the terms; they do not overlap, and the largest is the last one.
  const partials: number[] = [];
  for (const term of terms) {
    let high = term;
    let kept = 0;
    for (const partial of partials) {
      const sum = high + partial;
      const [large, small] = Math.abs(high) < Math.abs(partial) ? [partial, high] : [high, partial];
      const low = small - (sum - large);
      if (low !== 0) partials[kept++] = low;
      high = sum;
    }
    partials.length = kept;
    partials.push(high);
  }
  let high = partials.pop() ?? 0;
  let low = 0;
  while (low === 0 && partials.length > 0) {
    const next = partials.pop() as number;
    const sum = high + next;
    low = next - (sum - high);
    high = sum;
  }
  // Halfway between two numbers, what lies below decides.
  const below = partials.pop() ?? 0;
  if (Math.sign(low) === Math.sign(below)) {
    const up = high + 2 * low;
    if (up - high === 2 * low) return up;
  }
  return high;
}
