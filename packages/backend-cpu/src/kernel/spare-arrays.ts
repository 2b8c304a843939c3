// Arrays of old averages, kept for the next update. New memory costs more than the arithmetic: the
// system zeroes each page at its first touch.
import { arrayOf } from '@polyak/core/interfaces';
import type { HostArray } from '@polyak/core/interfaces';
import type { Allocator, ArrayRequest, FloatArray, Workspace } from './engine.js';

/** Plain arrays, which the garbage collector takes back. */
export const PLAIN: Allocator = {
  allocate: (requests) => requests.map(({ dtype, length }) => new (arrayOf(dtype))(length)),
  free: () => {},
};

/** An allocator with spare arrays: no more bytes than an update has taken, or than are in use. */
export class SpareArrays implements Allocator, Workspace {
  readonly #allocator: Allocator;
  /** By type and length. */
  readonly #spares = new Map<number, FloatArray[]>();
  #spareBytes = 0;
  #usedBytes = 0;
  #mostTaken = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  allocate(requests: readonly ArrayRequest[]): readonly HostArray[] {
    const made = this.#allocator.allocate(requests);
    for (const { byteLength } of made) this.#usedBytes += byteLength;
    return made;
  }

  free(data: HostArray): void {
    this.#allocator.free(data);
    this.#usedBytes -= data.byteLength;
    if (this.#spareBytes > this.#usedBytes) this.#freeSpares();
  }

  take(models: readonly FloatArray[]): readonly FloatArray[] {
    let bytes = 0;
    let missing: FloatArray[] | undefined;
    const found = models.map((model) => {
      bytes += model.byteLength;
      const spare = this.#spares.get(kindOf(model))?.pop();
      if (spare === undefined) (missing ??= []).push(model);
      else this.#count(spare, 1);
      return spare;
    });
    this.#mostTaken = Math.max(this.#mostTaken, bytes);
    if (missing === undefined) return found as readonly FloatArray[];
    try {
      const made = this.allocate(missing.map(requestFor)).values();
      return found.map((spare) => spare ?? (made.next().value as FloatArray));
    } catch (error) {
      this.keep(found.filter((spare) => spare !== undefined));
      throw error;
    }
  }

  keep(arrays: readonly FloatArray[]): void {
    for (const data of arrays) {
      const list = this.#spares.get(kindOf(data));
      if (list === undefined) this.#spares.set(kindOf(data), [data]);
      else list.push(data);
      this.#count(data, -1);
    }
    // The kept arrays have sizes that are no longer requested.
    if (this.#spareBytes > this.#mostTaken) this.#freeSpares();
  }

  /** Moves an array into use, or out of it. */
  #count({ byteLength }: FloatArray, sign: 1 | -1): void {
    this.#usedBytes += sign * byteLength;
    this.#spareBytes -= sign * byteLength;
  }

  #freeSpares(): void {
    for (const data of [...this.#spares.values()].flat()) this.#allocator.free(data);
    this.#spares.clear();
    this.#spareBytes = 0;
  }
}

/** A number for each type and length. */
function kindOf({ length, BYTES_PER_ELEMENT }: FloatArray): number {
  return 16 * length + BYTES_PER_ELEMENT;
}

function requestFor({ length, BYTES_PER_ELEMENT }: FloatArray): ArrayRequest {
  return { dtype: BYTES_PER_ELEMENT === 4 ? 'float32' : 'float64', length };
}
