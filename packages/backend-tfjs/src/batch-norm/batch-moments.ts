// The moments of what enters a batch-norm layer, on the device, and that layer's output.
import type { Moments } from '@polyak/core/interfaces';
import { shiftedMoments } from '@polyak/core/kit';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { BatchNormalization } from './batch-norm-layer.js';
import type { TensorFlow } from '../tensorflow.js';

/**
 * Moments on the device: `[3, channels]`, see {@link momentsOf}. Kept beyond `tf.tidy`;
 * the caller disposes of it.
 */
export interface DeviceMoments {
  readonly sums: Tensor;
  /** The number of values behind each channel. */
  readonly count: number;
}

/**
 * Batch norm with the statistics of `x` itself. Unlike tfjs's own it takes any rank, and layers
 * without scale or center, and changes no state.
 *
 * The variance is the mean of squares about a first mean; the mean of the deviations from it, which
 * rounding leaves, then corrects both. Sums go axis by axis and in short runs, so that their
 * rounding errors stay small.
 *
 * @param tf - the runtime
 * @param layer - the layer
 * @param x - its input
 * @returns the layer's output, and the moments of `x`
 * @see Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 1.7
 */
export function normalize(
  tf: TensorFlow,
  layer: BatchNormalization,
  x: Tensor,
): { readonly output: Tensor; readonly moments: DeviceMoments } {
  const axis = layer.axis < 0 ? layer.axis + x.rank : layer.axis;
  const channels = x.shape[axis] ?? 0;
  const count = x.size / channels;
  const axes = x.shape.map((_, index) => index).filter((index) => index !== axis);
  const mean = (tensor: Tensor): Tensor =>
    tf.div(
      axes.reduce((sum, index) => sumOver(tf, sum, index), tensor),
      count,
    );
  /** One value a channel, in the shape that broadcasts along `axis`. */
  const perChannel = (tensor: Tensor): Tensor =>
    tf.reshape(
      tensor,
      x.shape.map((_, index) => (index === axis ? channels : 1)),
    );

  return tf.tidy(() => {
    const center = mean(x);
    const deviation = tf.sub(x, center);
    const square = mean(tf.square(deviation));
    const rows = [center, mean(deviation), square].map((row) => tf.reshape(row, [channels]));

    let scale: Tensor = tf.rsqrt(tf.add(square, layer.epsilon));
    if (layer.gamma) scale = tf.mul(scale, perChannel(layer.gamma.read()));
    let output: Tensor = tf.mul(deviation, scale);
    if (layer.beta) output = tf.add(output, perChannel(layer.beta.read()));
    return { output, moments: { sums: tf.keep(tf.stack(rows)), count } };
  });
}

/**
 * Moments on the host, in float64.
 *
 * @param rows - the contents of {@link DeviceMoments}: a first mean m, the mean of x - m, and the
 * mean of its square
 * @param count - the values behind each channel
 */
export function momentsOf(rows: Float32Array, count: number): Moments {
  const channels = rows.length / 3;
  const row = (index: number): Float32Array =>
    rows.subarray(index * channels, (index + 1) * channels);
  return shiftedMoments({ center: row(0), deviation: row(1), square: row(2) }, count);
}

const RUN = 256;

/** The sum over one axis, kept with extent 1. A long one is summed in runs, and then their sums. */
function sumOver(tf: TensorFlow, x: Tensor, axis: number): Tensor {
  const extent = x.shape[axis] ?? 0;
  if (extent < 4 * RUN) return tf.sum(x, axis, true);
  const runs = Math.floor(extent / RUN);
  const [head, tail] = tf.split(x, [runs * RUN, extent - runs * RUN], axis);
  const shape = [...x.shape.slice(0, axis), runs, RUN, ...x.shape.slice(axis + 1)];
  const sums = tf.sum(tf.reshape(head as Tensor, shape), axis + 1);
  return tf.add(sumOver(tf, sums, axis), tf.sum(tail as Tensor, axis, true));
}
