// The k-th largest of the numbers of a tensor, exactly, in passes over blocks of it: radix
// selection over the bits of float64, whose order is that of the numbers as long as they are not
// negative.
import { BLOCK } from '../merge/method.js';

/** The most numbers that are kept: 2 MiB. */
const KEPT = 2 ** 18;

/** The bits that a pass counts by, beginning with the exponent. There are 63, without the sign. */
const DIGIT = 18;

/** The level of the last 9 bits. */
const LAST = 3;

/** The numbers of a block, none negative and none NaN, and their 32-bit words. */
export class Magnitudes {
  /** The numbers. */
  readonly values: Float64Array = new Float64Array(BLOCK);
  /** Their bits, the low word first. */
  readonly words: Uint32Array = new Uint32Array(this.values.buffer);
}

/**
 * Selects the k-th largest of `elements` numbers. A pass counts the numbers by 18 more bits of the
 * k-th largest, until so few begin with its bits that they are kept and selected from in memory.
 * Most tensors take two passes, those of up to 2^18 elements one. It takes at most 4 MiB.
 */
export class KthLargest {
  #phase: 'count' | 'keep' | 'done';
  /** The rank from the largest, 1 at least, among the numbers that begin with the known bits. */
  #rank: number;
  /** The known bits of the k-th largest, low and high word, and which ones those are. */
  readonly #known = new Uint32Array(2);
  readonly #mask = new Uint32Array(2);
  /** Which 18 bits are counted. */
  #level = 0;
  #counts = new Float64Array(0);
  #smallest = Infinity;
  #largest = 0;
  #kept = new Float64Array(0);
  #filled = 0;
  #value = 0;

  constructor(elements: number, rank: number) {
    this.#rank = rank;
    if (elements > KEPT) {
      this.#phase = 'count';
      this.#counts = new Float64Array(2 ** DIGIT);
    } else {
      this.#phase = 'keep';
      this.#kept = new Float64Array(elements);
    }
  }

  /** Whether another pass is needed. */
  get needsPass(): boolean {
    return this.#phase !== 'done';
  }

  /** The k-th largest, once no pass is needed. */
  get value(): number {
    return this.#value;
  }

  /** Takes the first `count` numbers of a block. */
  add(block: Magnitudes, count: number): void {
    if (this.#phase === 'keep') this.#keep(block, count);
    else if (this.#level === 0) this.#countFirst(block, count);
    else this.#count(block, count);
  }

  /** Ends a pass. */
  endPass(): void {
    if (this.#phase === 'keep') this.#finish(kthLargestOf(this.#kept, this.#rank));
    else if (this.#phase === 'count') this.#narrow();
  }

  #keep({ values, words }: Magnitudes, count: number): void {
    const [low, high] = this.#known as unknown as readonly [number, number];
    const [lowMask, highMask] = this.#mask as unknown as readonly [number, number];
    const kept = this.#kept;
    let filled = this.#filled;
    for (let i = 0; i < count; i += 1) {
      const differs = ((words[2 * i + 1] as number) ^ high) & highMask;
      if ((differs | (((words[2 * i] as number) ^ low) & lowMask)) !== 0) continue;
      kept[filled] = values[i] as number;
      filled += 1;
    }
    this.#filled = filled;
  }

  #countFirst({ words }: Magnitudes, count: number): void {
    const counts = this.#counts;
    for (let i = 0; i < count; i += 1) {
      const digit = (words[2 * i + 1] as number) >>> 13;
      counts[digit] = (counts[digit] as number) + 1;
    }
  }

  #count({ values, words }: Magnitudes, count: number): void {
    const [low, high] = this.#known as unknown as readonly [number, number];
    const [lowMask, highMask] = this.#mask as unknown as readonly [number, number];
    const [counts, level] = [this.#counts, this.#level];
    let [smallest, largest] = [this.#smallest, this.#largest];
    for (let i = 0; i < count; i += 1) {
      const [lowWord, highWord] = [words[2 * i] as number, words[2 * i + 1] as number];
      if ((((highWord ^ high) & highMask) | ((lowWord ^ low) & lowMask)) !== 0) continue;
      const digit = digitOf(highWord, lowWord, level);
      counts[digit] = (counts[digit] as number) + 1;
      const value = values[i] as number;
      if (value < smallest) smallest = value;
      if (value > largest) largest = value;
    }
    [this.#smallest, this.#largest] = [smallest, largest];
  }

  /** Goes on with the numbers that have the digit of the k-th largest. */
  #narrow(): void {
    if (this.#level > 0 && this.#smallest === this.#largest) {
      this.#finish(this.#largest);
      return;
    }
    const counts = this.#counts;
    let digit = counts.length - 1;
    for (; digit > 0 && this.#rank > (counts[digit] as number); digit -= 1) {
      this.#rank -= counts[digit] as number;
    }
    const [known, mask] = [this.#known, this.#mask];
    setDigit(known, this.#level, digit);
    setDigit(mask, this.#level, 2 ** DIGIT - 1);
    const left = counts[digit] as number;
    if (this.#level === LAST) this.#finish(new Float64Array(known.buffer)[0] as number);
    else if (left <= KEPT) {
      this.#phase = 'keep';
      this.#kept = new Float64Array(left);
      this.#counts = new Float64Array(0);
    } else {
      this.#level += 1;
      counts.fill(0);
      [this.#smallest, this.#largest] = [Infinity, 0];
    }
  }

  #finish(value: number): void {
    this.#phase = 'done';
    this.#value = value;
    this.#counts = new Float64Array(0);
    this.#kept = new Float64Array(0);
  }
}

/** Bits 62 to 45, 44 to 27, 26 to 9, or 8 to 0. */
function digitOf(high: number, low: number, level: number): number {
  if (level === 1) return ((high & 0x1fff) << 5) | (low >>> 27);
  if (level === 2) return (low >>> 9) & 0x3ffff;
  return low & 0x1ff;
}

/** Sets the bits of a level, the inverse of {@link digitOf}, in a low and a high word. */
function setDigit(words: Uint32Array, level: number, digit: number): void {
  const [low, high] = words as unknown as readonly [number, number];
  if (level === 0) words[1] = high | (digit << 13);
  else if (level === 1) [words[0], words[1]] = [low | (digit << 27), high | (digit >>> 5)];
  else words[0] = low | (level === 2 ? digit << 9 : digit & 0x1ff);
}

/** Reorders `values`: quickselect, and a sort of what is left after too many rounds. */
function kthLargestOf(values: Float64Array, rank: number): number {
  const target = values.length - rank;
  let [first, last] = [0, values.length - 1];
  for (let round = 0; round < 64 && last - first > 64; round += 1) {
    const pivot = median(
      values[first] as number,
      values[(first + last) >>> 1] as number,
      values[last] as number,
    );
    let [left, right] = [first, last];
    while (left <= right) {
      while ((values[left] as number) < pivot) left += 1;
      while ((values[right] as number) > pivot) right -= 1;
      if (left > right) break;
      const value = values[left] as number;
      values[left] = values[right] as number;
      values[right] = value;
      left += 1;
      right -= 1;
    }
    if (target <= right) last = right;
    else if (target >= left) first = left;
    else return pivot;
  }
  const left = values.subarray(first, last + 1);
  left.sort();
  return left[target - first] as number;
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
