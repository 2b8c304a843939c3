// Plain arrays, kept for the next update: new ones cost more than the arithmetic, since the pages
// of large ones are zeroed and touched for the first time each time.
import { arrayOf } from '@polyak/core/interfaces';
import type { HostArray } from '@polyak/core/interfaces';
import type { Allocator, ArrayRequest } from './engine.js';

/** Allocates plain arrays. Keeps no more bytes than the largest call has asked for. */
export class SpareArrays implements Allocator {
  #spare = new Map<string, HostArray[]>();
  #spareBytes = 0;
  #largestCall = 0;

  allocate(requests: readonly ArrayRequest[]): readonly HostArray[] {
    const made = requests.map((request) => this.#take(request));
    const bytes = made.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#largestCall = Math.max(this.#largestCall, bytes);
    return made;
  }

  free(data: HostArray): void {
    if (this.#spareBytes + data.byteLength > this.#largestCall) {
      // What is kept is of sizes that nobody asks for any more.
      this.#spare = new Map();
      this.#spareBytes = 0;
    }
    const key = keyOf(data[Symbol.toStringTag], data.length);
    const alike = this.#spare.get(key);
    if (alike === undefined) this.#spare.set(key, [data]);
    else alike.push(data);
    this.#spareBytes += data.byteLength;
  }

  #take({ dtype, length }: ArrayRequest): HostArray {
    const Elements = arrayOf(dtype);
    const found = this.#spare.get(keyOf(Elements.name, length))?.pop();
    if (found === undefined) return new Elements(length);
    this.#spareBytes -= found.byteLength;
    return found;
  }
}

function keyOf(type: string, length: number): string {
  return `${type}:${length}`;
}
