// Exact sums, element by element: with one term less, a sum is that of the others.

import { SUM_BLOCK, sumKernels } from '@polyak/backend-cpu/sums';
import type { HalfOrFloatDType, SumKernels } from '@polyak/backend-cpu/sums';
import type { HostArray } from '@polyak/core/interfaces';

// Leaves room for the smaller parts, which a check of the largest one does not see.
const LARGEST = Number.MAX_VALUE * (1 - 2 ** -20);

/** Numbers that are added, each times the weight, rounded to float64. */
export interface Terms {
  readonly dtype: HalfOrFloatDType;
  /** The numbers; half precision as bits. */
  readonly data: HostArray;
  /** A finite number. */
  readonly weight: number;
}

/**
 * The exact sum of terms, for each element of an array.
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
  canAdd(terms: Terms): boolean {
    const [first] = this.#parts as [Float64Array];
    for (let from = 0; from < first.length; from += SUM_BLOCK) {
      const block = blockOf(terms, from);
      for (let i = 0; i < block.length; i += 1) {
        const sum = (first[from + i] as number) + (block[i] as number);
        if (!(Math.abs(sum) <= LARGEST)) return false;
      }
    }
    return true;
  }

  /**
   * Adds one term to each element.
   *
   * @param terms - which {@link ExactSum.canAdd}
   */
  add(terms: Terms): void {
    const parts = this.#parts;
    const [{ length }] = parts as [Float64Array];
    const { kernels, sums } = (scratch ??= makeScratch());
    for (let from = 0; from < length; from += SUM_BLOCK) {
      const count = blockOf(terms, from).length;
      let isInexact = true;
      for (let k = 0; isInexact; k += 1) {
        const part = (parts[k] ??= new Float64Array(length)).subarray(from, from + count);
        sums.set(part);
        isInexact = kernels.addExactly(SUMS, TERMS, count);
        part.set(sums.subarray(0, count));
      }
    }
  }

  /** The sums, each rounded once to float64: the same whatever the order of the additions was. */
  rounded(): Float64Array {
    const [first, second, ...further] = this.#parts as [Float64Array, ...Float64Array[]];
    const sums = first.slice();
    if (second === undefined) return sums;
    for (let i = 0; i < sums.length; i += 1) sums[i] = (first[i] as number) + (second[i] as number);
    if (further.length === 0) return sums;
    for (let i = 0; i < sums.length; i += 1) {
      if (further.some((part) => part[i] !== 0)) {
        sums[i] = roundedSum(this.#parts.map((part) => part[i] as number));
      }
    }
    return sums;
  }
}

/** Where a block is worked on. */
interface Scratch {
  readonly kernels: SumKernels;
  readonly sums: Float64Array;
  readonly terms: Float64Array;
}

// The addresses of blocks in the scratch. Copies in glibc are slow where the distance of their
// addresses is just above a multiple of 4,096, and large arrays begin 16 bytes after one.
const SUMS = 2048;
const TERMS = SUMS + 8 * SUM_BLOCK;
const VALUES = TERMS + 8 * SUM_BLOCK;

let scratch: Scratch | undefined;

function makeScratch(): Scratch {
  const kernels = sumKernels(VALUES + 8 * SUM_BLOCK);
  const { buffer } = kernels.bytes;
  return {
    kernels,
    sums: new Float64Array(buffer, SUMS, SUM_BLOCK),
    terms: new Float64Array(buffer, TERMS, SUM_BLOCK),
  };
}

/** A block of terms, in the scratch until the next one. */
function blockOf({ dtype, data, weight }: Terms, from: number): Float64Array {
  const { kernels, terms } = (scratch ??= makeScratch());
  const count = Math.min(data.length - from, SUM_BLOCK);
  const size = data.BYTES_PER_ELEMENT;
  kernels.bytes.set(
    new Uint8Array(data.buffer, data.byteOffset + size * from, size * count),
    VALUES,
  );
  kernels.clear(TERMS, count);
  kernels.add(TERMS, VALUES, dtype, count, weight);
  return terms.subarray(0, count);
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
