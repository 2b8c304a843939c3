// A checksum of ranges of a file: the sum of its 32-bit words, and the sum of the words times their
// index, modulo 2^32. Ranges may come in any order. It finds damage; it is no proof against people.
import type { SumKernels } from '@polyak/backend-cpu/sums';

/** The checksum of ranges of one file. */
export class RangeChecksum {
  #sum = 0;
  #weighed = 0;

  /**
   * Adds a range.
   *
   * @param kernels - whose memory holds the bytes
   * @param address - of the bytes
   * @param begin - the offset of the first byte in the file; the same as `address` modulo 4
   * @param byteLength - of the range
   */
  add(kernels: SumKernels, address: number, begin: number, byteLength: number): void {
    const end = begin + byteLength;
    const first = Math.min(end, begin + ((4 - (begin % 4)) % 4));
    const last = Math.max(first, end - (end % 4));
    this.#addBytes(kernels.bytes, address, begin, first);
    if (last > first) {
      const { sum, weighed } = kernels.checksum(address + first - begin, last - first);
      this.#addWords(sum, weighed, first / 4);
    }
    this.#addBytes(kernels.bytes, address + last - begin, last, end);
  }

  /** Adds what another has: ranges that this one does not have, or those of another file. */
  addChecksum(other: RangeChecksum): void {
    this.#sum = (this.#sum + other.#sum) >>> 0;
    this.#weighed = (this.#weighed + other.#weighed) >>> 0;
  }

  #addBytes(bytes: Uint8Array, address: number, begin: number, end: number): void {
    for (let at = begin; at < end; at += 1) {
      const byte = bytes[address + at - begin] as number;
      this.#addWords((byte << (8 * (at % 4))) >>> 0, 0, Math.floor(at / 4));
    }
  }

  #addWords(sum: number, weighed: number, firstWord: number): void {
    this.#sum = (this.#sum + sum) >>> 0;
    this.#weighed = (this.#weighed + weighed + Math.imul(firstWord % 2 ** 32, sum)) >>> 0;
  }

  /** The 16 hexadecimal digits. */
  toString(): string {
    return [this.#sum, this.#weighed].map((n) => n.toString(16).padStart(8, '0')).join('');
  }

  /** Goes on from the digits of another. */
  static parse(digits: string): RangeChecksum {
    const checksum = new RangeChecksum();
    checksum.#sum = Number.parseInt(digits.slice(0, 8), 16);
    checksum.#weighed = Number.parseInt(digits.slice(8), 16);
    return checksum;
  }
}
