// Arrays for the elements of one run of an update, reused from run to run.
import { arrayOf } from '@polyak/core';
import type { HostArray } from '@polyak/core';
import type { OnnxDType } from './dtype.js';

/** The elements of one run: the fastest size of those measured, with three to five arrays of it in the cache. */
export const CHUNK_ELEMENTS = 65_536;

/** The arrays of one update at a time. */
export class Scratch {
  readonly #buffers = new Map<string, ArrayBuffer>();

  /**
   * An array that holds whatever it held before.
   *
   * @param slot - what it is for: two arrays of one slot share their memory
   * @param dtype - of its elements
   * @param length - at most {@link CHUNK_ELEMENTS}
   */
  array(slot: string, dtype: OnnxDType, length: number): HostArray {
    let buffer = this.#buffers.get(slot);
    if (buffer === undefined) {
      buffer = new ArrayBuffer(CHUNK_ELEMENTS * Float64Array.BYTES_PER_ELEMENT);
      this.#buffers.set(slot, buffer);
    }
    return new (arrayOf(dtype) as Float32ArrayConstructor)(buffer, 0, length);
  }
}
