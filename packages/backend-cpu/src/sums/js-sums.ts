// The sums in JavaScript, for runtimes without WebAssembly or SIMD, with the same roundings as
// sums.wat.
import { allFinite, halfFromFloat } from '@polyak/core/kit';
import { addInJs } from './add-in-js.js';
import { CHECKSUM_BLOCK, checksumFactor, checksumKeys } from './checksum-keys.js';
import { replaceNaN, resultsAt } from './results.js';
import type { Checksum, HalfOrFloatDType, SumDType, SumKernels } from './sum-kernels.js';

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

  checksum(from: number, byteLength: number, position: number): Checksum {
    const keys = checksumKeys();
    const checksum: [number, number, number] = [0, 0, 0];
    for (let at = 0; at < byteLength;) {
      const block = Math.floor((position + at) / CHECKSUM_BLOCK);
      const first = (position + at) % CHECKSUM_BLOCK;
      const end = Math.min(byteLength, at + CHECKSUM_BLOCK - first);
      for (const [c, sum] of checksum.entries()) {
        let products = 0;
        for (let key = first, k = at; k < end; key += 1, k += 1) {
          const byte = this.bytes[from + k] as number;
          // The low byte of a signed 16-bit number, or the high one.
          const part = key % 2 === 0 ? byte : (byte << 24) >> 16;
          products =
            (products + Math.imul(part, keys[(c * CHECKSUM_BLOCK + key) >> 1] as number)) | 0;
        }
        checksum[c] = (sum + Math.imul(products, checksumFactor(block, c))) | 0;
      }
      at = end;
    }
    return checksum;
  }

  #floats64(address: number, count: number): Float64Array {
    return new Float64Array(this.bytes.buffer, address, count);
  }
}
