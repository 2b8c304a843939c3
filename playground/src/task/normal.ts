// Normal random numbers.

/** A number of the standard normal distribution (Box-Muller). */
export function normal(random: () => number): number {
  const radius = Math.sqrt(-2 * Math.log((random() + 0.5) / 2 ** 32));
  return radius * Math.cos((2 * Math.PI * random()) / 2 ** 32);
}
