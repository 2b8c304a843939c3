// The moments of a batch, from the means of one call or of several calls together.
import type { Moments } from '../batch-norm.js';

/** Means about a center, one value per channel; float32 is enough. */
export interface ShiftedMeans {
  /** The center m: any value near the data. */
  readonly center: ArrayLike<number>;
  /** The mean of `x - m`. */
  readonly deviation: ArrayLike<number>;
  /** The mean of `(x - m)^2`. */
  readonly square: ArrayLike<number>;
}

/**
 * Moments from means about a center m. No digits are lost, however far from 0 the data are:
 *
 * mean = m + mean(x - m); variance = mean((x - m)^2) - mean(x - m)^2
 *
 * @param means - one value per channel each
 * @param count - the number of values behind each channel
 * @see Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 1.7
 */
export function shiftedMoments(means: ShiftedMeans, count: number): Moments {
  const center = Float64Array.from(means.center);
  const deviation = Float64Array.from(means.deviation);
  const square = Float64Array.from(means.square);
  return {
    count,
    mean: center.map((value, c) => value + (deviation[c] as number)),
    variance: square.map((value, c) => Math.max(0, value - (deviation[c] as number) ** 2)),
  };
}

/**
 * The moments of all values of `parts` together, by the law of total variance.
 *
 * @param parts - at least one, all with the same number of channels
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
