// Arrays for the elements of one run of an update, reused from run to run.
import { arrayOf } from '@polyak/core';
import type { HostArray } from '@polyak/core';
import type { OnnxDType } from '../dtype.js';

/**
 * The bytes of each state in one run. ORT copies an output into new memory, which is dear from 128
 * KiB on: there glibc maps new pages for every copy, and unmaps them. Just below, three to five
 * arrays lie in the cache as well.
 */
export const CHUNK_BYTES = 128_000;

/** The arrays of one update at a time. */
export class Scratch {
  readonly #buffers = new Map<string, ArrayBuffer>();

  /**
   * An array that holds whatever it held before.
   *
   * @param slot - what it is for: two arrays of one slot share their memory
   * @param dtype - of its elements
   * @param length - with at most {@link CHUNK_BYTES} in all
   */
  array(slot: string, dtype: OnnxDType, length: number): HostArray {
    let buffer = this.#buffers.get(slot);
    if (buffer === undefined) {
      buffer = new ArrayBuffer(CHUNK_BYTES);
      this.#buffers.set(slot, buffer);
    }
    return new (arrayOf(dtype) as Float32ArrayConstructor)(buffer, 0, length);
  }
}
