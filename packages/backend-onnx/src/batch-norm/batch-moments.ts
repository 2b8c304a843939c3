// Moments as the runtime gives them, on the host and in float64.
import type { Moments } from '@polyak/core';

/**
 * The moments of one batch-norm node.
 *
 * @param rows - mean and variance, one value a channel each; or a first mean m, the mean of x - m,
 * and that of its square
 * @param channels - the number of channels
 * @param count - the values behind each channel
 */
export function momentsOf(
  rows: Float32Array | Float64Array,
  channels: number,
  count: number,
): Moments {
  const [first, second, third] = [0, 1, 2].map((row) =>
    Float64Array.from(rows.subarray(row * channels, (row + 1) * channels)),
  ) as [Float64Array, Float64Array, Float64Array];
  if (third.length === 0) return { mean: first, variance: second, count };
  return {
    mean: first.map((center, c) => center + (second[c] as number)),
    variance: third.map((square, c) => Math.max(0, square - (second[c] as number) ** 2)),
    count,
  };
}

/**
 * The moments of all values of `parts` together, by the law of total variance.
 *
 * @param parts - at least one, all of the same channels
 * @see Chan, Golub and LeVeque 1983, eq. 2.1
 */
export function mergeMoments(parts: readonly Moments[]): Moments {
  return parts.reduce((a, b) => {
    const count = a.count + b.count;
    const share = b.count / count;
    const step = b.mean.map((value, c) => value - (a.mean[c] as number));
    return {
      count,
      mean: a.mean.map((value, c) => value + (step[c] as number) * share),
      variance: a.variance.map((value, c) => {
        const between = (step[c] as number) ** 2 * share * (1 - share);
        return value + ((b.variance[c] as number) - value) * share + between;
      }),
    };
  });
}
