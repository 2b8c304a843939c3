/**
 * A quantile of measurements, without interpolation.
 *
 * @param values - at least one, in any order
 * @param fraction - 0.5 for the median
 * @returns one of the values
 */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(fraction * (sorted.length - 1))] ?? NaN;
}
