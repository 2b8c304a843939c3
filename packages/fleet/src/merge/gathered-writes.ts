// Writes of a part, gathered: fewer and longer ones are faster to make durable.
import type { PartialObject } from '../store/store.js';

const LENGTH = 2 ** 24;

/** Gathers bytes that follow each other, and writes them in long ranges. */
export class GatheredWrites {
  readonly #target: PartialObject;
  readonly #buffer: Uint8Array;
  #begin: number;
  #filled = 0;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param target - where the bytes go
   * @param range - all of them
   */
  constructor(
    target: PartialObject,
    { begin, end }: { readonly begin: number; readonly end: number },
  ) {
    this.#target = target;
    this.#begin = begin;
    this.#buffer = new Uint8Array(Math.min(LENGTH, end - begin));
  }

  /** Takes the bytes that follow. Calls overlap in time; they are served in their order. */
  async write(position: number, bytes: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#take(position, bytes));
    await this.#last;
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    await this.#last;
    await this.#flush();
  }

  async #take(position: number, bytes: Uint8Array): Promise<void> {
    if (position !== this.#begin + this.#filled) {
      throw new RangeError(`bytes at ${position} do not follow ${this.#begin + this.#filled}.`);
    }
    for (let at = 0; at < bytes.byteLength;) {
      const taken = bytes.subarray(at, at + this.#buffer.byteLength - this.#filled);
      this.#buffer.set(taken, this.#filled);
      this.#filled += taken.byteLength;
      at += taken.byteLength;
      if (this.#filled === this.#buffer.byteLength) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const bytes = this.#buffer.subarray(0, this.#filled);
    await this.#target.write(this.#begin, bytes);
    const found = await this.#target.read?.(this.#begin, bytes.byteLength);
    if (found !== undefined && Buffer.compare(found, bytes) !== 0) {
      throw new Error(`what was written at ${this.#begin} is not what is read there.`);
    }
    this.#begin += this.#filled;
    this.#filled = 0;
  }
}
