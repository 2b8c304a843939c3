// Kernels for merging: sums in float64 of values of any floating dtype, rounded once.
/** A dtype that sums are rounded to. */
export type HalfOrFloatDType = 'float64' | 'float32' | 'float16' | 'bfloat16';

/** A dtype whose values can be summed. */
export type SumDType = HalfOrFloatDType | 'float8_e4m3fn' | 'float8_e5m2';

/**
 * How many elements of a sum to work on at once, over all inputs, before the next ones: the sum, 64
 * KiB, then stays in the fastest caches. With 1 MiB of second-level cache, float32 values are added
 * at 26 to 28 GB/s by any block of 2,048 to 65,536 elements.
 */
export const SUM_BLOCK = 8192;

/** Three 32-bit numbers, signed. */
export type Checksum = readonly [number, number, number];

/**
 * Kernels over operands in one memory. An operand is given by its address there, in bytes, a
 * multiple of the size of its elements; counts are of elements. Operands of one call do not
 * overlap. Nothing checks that they lie within the memory.
 */
export interface SumKernels {
  /** The memory, of the size that was asked for. */
  readonly bytes: Uint8Array;

  /** `sum[i] = 0`, in float64. */
  clear(sum: number, count: number): void;

  /**
   * `sum[i] += weight * values[i]`, in float64: the product and the sum are rounded.
   *
   * @param sum - address of float64 numbers
   * @param values - address of numbers of the dtype
   * @param dtype - of the values
   * @param count - of elements
   * @param weight - any finite number
   */
  add(sum: number, values: number, dtype: SumDType, count: number, weight: number): void;

  /**
   * `target[i] = sum[i]`, rounded once to nearest, ties to even. NaN is always the same NaN.
   *
   * @param sum - address of float64 numbers
   * @param target - address of the results
   * @param dtype - of the results
   * @param count - of elements
   * @returns whether all results are finite
   */
  round(sum: number, target: number, dtype: HalfOrFloatDType, count: number): boolean;

  /**
   * `target[i] = values[i]` in float64, which holds each value exactly.
   *
   * @param values - address of numbers of the dtype
   * @param dtype - of the values
   * @param target - address of float64 numbers
   * @param count - of elements
   */
  widen(values: number, dtype: SumDType, target: number, count: number): void;

  /**
   * `sum[i], terms[i] = TwoSum(sum[i], terms[i])`, in float64: the rounded sum, and what was lost
   * by rounding, so that both add up to what they did before.
   *
   * @param sum - address of float64 numbers
   * @param terms - address of float64 numbers
   * @param count - of elements
   * @returns whether anything was lost
   * @see Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B
   */
  addExactly(sum: number, terms: number, count: number): boolean;

  /**
   * A checksum of bytes of a file, by multilinear hashing. The checksum of several ranges is the
   * sum of theirs, number by number modulo 2^32, in any order; bytes in no range count as zeros.
   * With the file as signed 16-bit numbers `v`, little-endian, in blocks of 2,048, it is
   *
   * ```text
   * checksum[c] = sum over b and i of v[2048 b + i] * key[c, i] * factor[3 b + c] mod 2^32
   * ```
   *
   * for `c` of 0, 1 and 2. `factor[n]` is output `n` of splitmix64 from 0, its lowest 32 bits, made
   * odd. The keys are the outputs from 2^63 on, each of them four signed 16-bit numbers, the lowest
   * first; those of `c = 0` come first. Over random keys, a change goes unnoticed with a
   * probability of at most (19 / 2^16)^3, less than 2^-35, whatever changes. It is no proof
   * against people.
   *
   * @param from - the address of the bytes, any
   * @param byteLength - of the bytes
   * @param position - the offset of the first byte in the file
   * @returns three integers in [-2^31, 2^31)
   * @see Lemire and Kaser, Strongly universal string hashing is fast, 2014
   */
  checksum(from: number, byteLength: number, position: number): Checksum;
}
