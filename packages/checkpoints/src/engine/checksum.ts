// A checksum of ranges of bytes, which may come in any order and from several processes. It finds
// every kind of damage; it is no proof against people.
import type { SumKernels } from '@polyak/backend-cpu/sums';

/** The kind of checksum, in records. */
export const CHECKSUM = 'multilinear-96';

/** The numbers of a checksum, of 32 bits each. */
const NUMBERS = 3;
const DIGITS = 8;

/** The checksum of ranges of one file, or of several files that are thought of as one. */
export class RangeChecksum {
  readonly #numbers = new Uint32Array(NUMBERS);

  /**
   * Adds a range.
   *
   * @param kernels - whose memory holds the bytes
   * @param address - of the bytes
   * @param position - the offset of the first byte in the file
   * @param byteLength - of the range
   */
  add(kernels: SumKernels, address: number, position: number, byteLength: number): void {
    this.#add(kernels.checksum(address, byteLength, position));
  }

  /** Adds what another has: ranges of the same file that this one does not have. */
  addChecksum(other: RangeChecksum): void {
    this.#add(other.#numbers);
  }

  #add(other: ArrayLike<number>): void {
    const numbers = this.#numbers;
    for (let i = 0; i < NUMBERS; i += 1) {
      numbers[i] = (numbers[i] as number) + (other[i] as number);
    }
  }

  /** The 24 hexadecimal digits. */
  toString(): string {
    return Array.from(this.#numbers, (n) => n.toString(16).padStart(DIGITS, '0')).join('');
  }

  /** Goes on from the digits of another. */
  static parse(digits: string): RangeChecksum {
    const checksum = new RangeChecksum();
    for (let i = 0; i < NUMBERS; i += 1) {
      checksum.#numbers[i] = Number.parseInt(digits.slice(i * DIGITS, (i + 1) * DIGITS), 16);
    }
    return checksum;
  }
}
