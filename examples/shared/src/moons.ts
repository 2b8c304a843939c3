// Two half moons, of which some points have the wrong label: a task for small networks.

/** A point in the plane and its class. */
export interface Point {
  readonly input: readonly [number, number];
  readonly label: 0 | 1;
}

/** Uniform numbers in [0, 1), the same for each seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Points of two half moons.
 *
 * @param count - how many
 * @param seed - another one gives other points
 * @param wrong - the share of wrong labels
 */
export function moons(count: number, seed: number, wrong = 0): readonly Point[] {
  const random = uniform(seed);
  return Array.from({ length: count }, (_, index) => {
    const moon = index % 2;
    const angle = Math.PI * random();
    const [x, y] = [Math.cos(angle), Math.sin(angle)];
    const noise = (): number => 0.3 * (random() + random() - 1);
    const input = moon === 0 ? [x + noise(), y + noise()] : [1 - x + noise(), 0.5 - y + noise()];
    const isWrong = random() < wrong;
    return { input: input as [number, number], label: (isWrong ? 1 - moon : moon) as 0 | 1 };
  });
}

/**
 * The batch of a step: a function of the step, so that a resumed run needs to know nothing else.
 *
 * @param points - all of them
 * @param step - from 0 on
 * @param size - of the batch
 */
export function batchAt(points: readonly Point[], step: number, size: number): readonly Point[] {
  const random = uniform(step + 1);
  return Array.from({ length: size }, () => points[Math.floor(random() * points.length)] as Point);
}
