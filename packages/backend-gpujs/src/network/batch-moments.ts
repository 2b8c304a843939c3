// Mean and variance of each channel, on gpu.js.
import type { Moments } from '@polyak/core/interfaces';
import { shiftedMoments } from '@polyak/core/kit';
import type { Activation } from './activation.js';
import type { ChannelSums } from './channel-sums.js';
import type { KernelArray } from './flat-kernel.js';

/**
 * Mean and population variance of each channel of `x`. Two passes: the first finds a mean in
 * float32, the second adds up distances from it and their squares.
 *
 * @param sums - those of the layer
 */
export async function momentsOf(
  { channels, positions, sampleCount }: Activation,
  sums: ChannelSums,
  x: KernelArray,
): Promise<Moments> {
  const count = sampleCount(x) * positions;
  const total = await sums.deviations(x, new Float32Array(channels));
  const center = Float32Array.from(total, (value) => value / count);
  const deviations = await sums.deviations(x, center);
  const squares = await sums.squares(x, center);
  const deviation = deviations.map((value) => value / count);
  const square = squares.map((value) => value / count);
  return shiftedMoments({ center, deviation, square }, count);
}
