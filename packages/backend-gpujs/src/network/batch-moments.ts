// Mean and variance of each channel, on gpu.js.
import type { Moments } from '@polyak/core';
import type { Activation } from './activation.js';
import type { ChannelSums } from './channel-sums.js';
import type { KernelArray } from './flat-kernel.js';

/**
 * Mean and population variance of each channel of `x`. Two passes: the first finds a mean m in
 * float32, the second adds up x - m and its square, which loses no digits however far from 0 the
 * data lie:
 *
 * mean = m + mean(x - m);  variance = mean((x - m)²) - mean(x - m)²
 *
 * @param sums - those of the layer
 * @see Chan, Golub and LeVeque 1983, on shifted data
 */
export async function momentsOf(
  activation: Activation,
  sums: ChannelSums,
  x: KernelArray,
): Promise<Moments> {
  const { channels, positions } = activation;
  const count = activation.sampleCount(x) * positions;
  const total = await sums.deviations(x, new Float32Array(channels));
  const center = Float32Array.from(total, (value) => value / count);
  const deviations = await sums.deviations(x, center);
  const squares = await sums.squares(x, center);
  const step = deviations.map((value) => value / count);
  return {
    count,
    mean: step.map((value, c) => Number(center[c]) + value),
    variance: squares.map((value, c) => Math.max(0, value / count - Number(step[c]) ** 2)),
  };
}

/**
 * The moments of all values of `a` and `b` together, by the law of total variance.
 *
 * @see Chan, Golub and LeVeque 1983, eq. 2.1
 */
export function mergedMoments(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  const share = b.count / count;
  const step = b.mean.map((value, c) => value - Number(a.mean[c]));
  return {
    count,
    mean: a.mean.map((value, c) => value + Number(step[c]) * share),
    variance: a.variance.map((value, c) => {
      const between = Number(step[c]) ** 2 * share * (1 - share);
      return value + (Number(b.variance[c]) - value) * share + between;
    }),
  };
}
