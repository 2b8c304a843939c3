// Random numbers that a few integers decide, so that a run that goes on draws what it would have
// drawn.

/**
 * A generator of uniform 32-bit integers: mulberry32, started where `parts` say. Other parts, in
 * number or value, start it somewhere else.
 *
 * @param parts - integers, such as a seed, an epoch and an image
 * @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c
 */
export function randomOf(...parts: readonly number[]): () => number {
  let state = 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  for (const part of parts) state = (next() ^ part) >>> 0;
  return next;
}

/** A whole number from 0 to `count` - 1. */
export function randomBelow(count: number, random: () => number): number {
  return Math.floor((random() / 2 ** 32) * count);
}

/** A random order of 0 … count - 1 (Fisher-Yates). */
export function shuffledIndices(count: number, random: () => number): Uint32Array {
  const indices = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = randomBelow(last + 1, random);
    const kept = indices[last] ?? 0;
    indices[last] = indices[other] ?? 0;
    indices[other] = kept;
  }
  return indices;
}

/** Standard normal numbers (Box and Muller 1958). */
export function normalOf(random: () => number): () => number {
  const uniform = (): number => (random() + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
