// Converts the moments that a run returns to float64 on the host.
import type { Moments } from '@polyak/core/interfaces';
import { shiftedMoments } from '@polyak/core/kit';

/**
 * The moments of one batch-norm node.
 *
 * @param rows - rows of one value for each channel: mean and variance; or a first mean m, the mean
 *   of x - m, and the mean of its square
 * @param channels - the number of channels
 * @param count - the number of values in each channel
 */
export function momentsOf(
  rows: Float32Array | Float64Array,
  channels: number,
  count: number,
): Moments {
  const row = (n: number) => rows.subarray(n * channels, (n + 1) * channels);
  const [first, second, third] = [row(0), row(1), row(2)];
  if (third.length > 0) {
    return shiftedMoments({ center: first, deviation: second, square: third }, count);
  }
  return { mean: Float64Array.from(first), variance: Float64Array.from(second), count };
}
