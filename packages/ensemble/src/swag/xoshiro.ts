// Random numbers from a seed, with a state that can be saved: xoshiro128**, integer arithmetic
// only, so that every machine draws the same.

/** The state of a generator: four integers in [0, 2^32), not all 0. */
export type XoshiroState = readonly number[];

/** The four, unsigned. */
type Words = Uint32Array & Record<0 | 1 | 2 | 3, number>;

/**
 * The generator xoshiro128**, version 1.1, with a period of 2^128 - 1.
 *
 * @see Blackman and Vigna 2021, Scrambled Linear Pseudorandom Number Generators,
 *   https://doi.org/10.1145/3460772; https://prng.di.unimi.it/xoshiro128starstar.c
 */
export class Xoshiro {
  readonly #words = new Uint32Array(4) as Words;

  constructor(state: XoshiroState) {
    this.state = state;
  }

  get state(): XoshiroState {
    return [...this.#words];
  }

  set state(state: XoshiroState) {
    this.#words.set(state);
  }

  /** Uniform in [0, 2^32). */
  nextInteger(): number {
    const words = this.#words;
    const { 0: s0, 1: s1, 2: s2, 3: s3 } = words;
    words[0] = s0 ^ s3 ^ s1;
    words[1] = s1 ^ s2 ^ s0;
    words[2] = s2 ^ s0 ^ (s1 << 9);
    words[3] = rotated(s3 ^ s1, 11);
    return Math.imul(rotated(Math.imul(s1, 5), 7), 9) >>> 0;
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  next(): number {
    const high = this.nextInteger() >>> 5;
    const low = this.nextInteger() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }
}

/**
 * The state that belongs to a seed: four steps of a counter, mixed by the finalizer of MurmurHash3.
 * It maps different counters to different words, so at most one of the four is 0.
 *
 * @param seed - an integer in [0, 2^32)
 */
export function seededState(seed: number): XoshiroState {
  return [1, 2, 3, 4].map((step) => {
    let word = (seed + Math.imul(step, 0x9e3779b9)) | 0;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return (word ^ (word >>> 16)) >>> 0;
  });
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
