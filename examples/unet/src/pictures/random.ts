// Random numbers of several kinds, from a generator of uniform 32-bit integers.

/** Gives uniform 32-bit integers, as `mulberry32` does. */
export type Random = () => number;

/** A number from `least` to below `most`. */
export function between(random: Random, least: number, most: number): number {
  return least + (random() / 2 ** 32) * (most - least);
}

/** A whole number from 0 to `count` - 1. */
export function below(random: Random, count: number): number {
  return Math.floor(between(random, 0, count));
}

/** A number of the standard normal distribution, by Box and Muller. */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - between(random, 0, 1)));
  return radius * Math.cos(between(random, 0, 2 * Math.PI));
}
