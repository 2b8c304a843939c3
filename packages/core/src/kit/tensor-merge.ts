// A weighted mean of one tensor, whose terms arrive one by one.
import { PolyakError } from '../error.js';
import { allFinite } from './all-finite.js';
import { elementCount, formatSpec, sameSpec } from '../tensor/tensor.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';

/**
 * The weighted mean of one tensor, `sum(weight * tensor) / sum(weight)`, for merges of models that
 * are not all in memory: what `mergeAverages` does with each tensor. It takes 16 bytes an element.
 *
 * The sum is kept with its rounding errors, by exact products and sums (TwoProduct and TwoSum).
 * Over `n` terms its error is below `n² 2⁻¹⁰⁴ sum|weight * tensor|`, so that the mean is within
 * 1 ulp of float64 unless the terms cancel out nearly. Elements beyond 1e299 overflow.
 *
 * @see Ogita, Rump and Oishi 2005, Accurate Sum and Dot Product,
 *   https://doi.org/10.1137/030601818
 */
export class TensorMerge {
  readonly #what: string;
  readonly #spec: TensorSpec;
  readonly #sums: Float64Array;
  readonly #errors: Float64Array;
  #weight = 0;
  #weightError = 0;

  /**
   * @param what - the call and the tensor, for messages
   * @param spec - of the terms
   * @throws PolyakError `ERR_UNSUPPORTED` unless they are float32 or float64
   */
  constructor(what: string, { dtype, shape }: TensorSpec) {
    if (dtype !== 'float32' && dtype !== 'float64') {
      throw new PolyakError(
        'ERR_UNSUPPORTED',
        `${what} is ${dtype}; averages that merge are float32 or float64. Convert or leave it out.`,
      );
    }
    const length = elementCount(shape);
    this.#what = what;
    this.#spec = { dtype, shape };
    // The sum of no numbers is -0: so a mean of one tensor has its bits.
    this.#sums = new Float64Array(length).fill(-0);
    this.#errors = new Float64Array(length);
  }

  /**
   * Adds a term.
   *
   * @param tensor - of the spec of the others
   * @param weight - a finite number above 0
   * @throws PolyakError `ERR_MISMATCH` for another spec, `ERR_NON_FINITE` for NaN or an infinity
   */
  add(tensor: HostTensor, weight: number): void {
    if (!sameSpec(tensor, this.#spec)) {
      const [found, expected] = [formatSpec(tensor), formatSpec(this.#spec)];
      throw new PolyakError('ERR_MISMATCH', `${this.#what} is ${found}, expected ${expected}.`);
    }
    const values = tensor.data as Float32Array | Float64Array;
    if (!allFinite(tensor.dtype, values)) {
      throw new PolyakError('ERR_NON_FINITE', `${this.#what} has NaN or an infinity.`);
    }
    const [sums, errors] = [this.#sums, this.#errors];
    const isExact = isExactFactor(tensor.dtype, weight);
    for (let i = 0; i < sums.length; i += 1) {
      const value = values[i] as number;
      const before = sums[i] as number;
      const product = weight * value;
      const sum = before + product;
      const added = sum - before;
      const error = before - (sum - added) + (product - added);
      sums[i] = sum;
      if (isExact) (errors[i] as number) += error;
      else (errors[i] as number) += error + productError(weight, value, product);
    }
    const total = this.#weight + weight;
    const added = total - this.#weight;
    this.#weightError += this.#weight - (total - added) + (weight - added);
    this.#weight = total;
  }

  /**
   * The mean of the terms, of which there is one at least.
   *
   * @returns a new tensor
   * @throws PolyakError `ERR_NON_FINITE` where a sum overflows
   */
  finish(): HostTensor {
    const { dtype, shape } = this.#spec;
    const sums = this.#sums;
    const [weight, weightError] = [this.#weight, this.#weightError];
    const data = new (dtype === 'float32' ? Float32Array : Float64Array)(sums.length);
    for (let i = 0; i < sums.length; i += 1) {
      const sum = sums[i] as number;
      const quotient = sum / weight;
      const product = quotient * weight;
      const rest =
        sum -
        product -
        productError(quotient, weight, product) +
        ((this.#errors[i] as number) - quotient * weightError);
      data[i] = rest === 0 ? quotient : quotient + rest / weight;
    }
    if (allFinite(dtype, data)) return { dtype, shape: [...shape], data };
    throw new PolyakError('ERR_NON_FINITE', `${this.#what} overflows ${dtype}.`);
  }
}

/** Whether the products of a weight and any element have no rounding error. */
function isExactFactor(dtype: string, weight: number): boolean {
  const isPowerOfTwo = weight === 2 ** Math.round(Math.log2(weight));
  return isPowerOfTwo || (dtype === 'float32' && Math.fround(weight) === weight);
}

// Splits a number in two of 26 bits, whose products are exact.
const SPLITTER = 2 ** 27 + 1;

/** The rounding error of a product: Dekker's TwoProduct. */
function productError(a: number, b: number, product: number): number {
  const bigA = a * SPLITTER;
  const highA = bigA - (bigA - a);
  const lowA = a - highA;
  const bigB = b * SPLITTER;
  const highB = bigB - (bigB - b);
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}
