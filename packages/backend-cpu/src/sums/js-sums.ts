// The sums in JavaScript, for runtimes without WebAssembly or SIMD, with the same roundings as
// sums.wat.
import { allFinite, halfFromFloat } from '@polyak/core/kit';
import { addInJs } from './add-in-js.js';
import { replaceNaN, resultsAt } from './results.js';
import type { HalfOrFloatDType, SumDType, SumKernels } from './sum-kernels.js';

/** {@link SumKernels} where nothing but JavaScript is available. */
export class JsSums implements SumKernels {
  readonly bytes: Uint8Array;

  /** @param byteLength - of the memory */
  constructor(byteLength: number) {
    this.bytes = new Uint8Array(byteLength);
  }

  clear(sum: number, count: number): void {
    this.#floats64(sum, count).fill(0);
  }

  add(sum: number, values: number, dtype: SumDType, count: number, weight: number): void {
    addInJs(this.#floats64(sum, count), this.bytes.buffer, values, dtype, weight);
  }

  round(sum: number, target: number, dtype: HalfOrFloatDType, count: number): boolean {
    const sums = this.#floats64(sum, count);
    const isHalf = dtype === 'float16' || dtype === 'bfloat16';
    const results = resultsAt(this.bytes, target, dtype, count);
    results.set(isHalf ? halfFromFloat(dtype, sums) : sums);
    if (allFinite(dtype, results)) return true;
    replaceNaN(sums, results, dtype);
    return false;
  }

  widen(values: number, dtype: SumDType, target: number, count: number): void {
    this.#floats64(target, count).fill(-0);
    this.add(target, values, dtype, count, 1);
  }

  addExactly(sum: number, terms: number, count: number): boolean {
    const a = this.#floats64(sum, count);
    const b = this.#floats64(terms, count);
    let isInexact = false;
    for (let i = 0; i < a.length; i += 1) {
      const x = a[i] as number;
      const y = b[i] as number;
      const rounded = x + y;
      const added = rounded - x;
      const lost = x - (rounded - added) + (y - added);
      a[i] = rounded;
      b[i] = lost;
      if (lost !== 0) isInexact = true;
    }
    return isInexact;
  }

  checksum(from: number, byteLength: number): { readonly sum: number; readonly weighed: number } {
    const { bytes } = this;
    const padded = new Uint8Array(Math.ceil(byteLength / 4) * 4);
    padded.set(bytes.subarray(from, from + byteLength));
    const words = new Uint32Array(padded.buffer);
    let sum = 0;
    let weighed = 0;
    for (let i = 0; i < words.length; i += 1) {
      const word = words[i] as number;
      sum = (sum + word) | 0;
      weighed = (weighed + Math.imul(i, word)) | 0;
    }
    return { sum: sum >>> 0, weighed: weighed >>> 0 };
  }

  #floats64(address: number, count: number): Float64Array {
    return new Float64Array(this.bytes.buffer, address, count);
  }
}
