// The moments of what enters a batch-norm layer, and that layer's output.
import { hostMoments } from '@polyak/core/kit';
import type { Rank, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import type { BatchNormalization } from './batch-norm-layer.js';
import { deviceMoments } from './device-moments.js';
import type { ChannelStatistics, FoundMoments } from './found-moments.js';
import { hostValues } from './host-values.js';
import type { TensorFlow } from '../tensorflow.js';

/**
 * Batch norm with the statistics of `input` itself. Unlike tfjs's own it takes any rank, and layers
 * without scale or center, and changes no state.
 *
 * @param tf - the runtime
 * @param layer - the layer
 * @param input - what enters it
 * @returns the moments of `input`, and a function that computes the layer's output
 */
export function normalize(
  tf: TensorFlow,
  layer: BatchNormalization,
  input: Tensor,
): { readonly moments: FoundMoments; output(): Tensor } {
  // An input layer may say int32, whose bits are not those of floats.
  const x = input.dtype === 'float32' ? input : tf.cast(input, 'float32');
  const axis = layer.axis < 0 ? layer.axis + x.rank : layer.axis;
  const channels = x.shape[axis] ?? 0;
  // Elsewhere, channels are moved to the end first, and back afterwards.
  const isLast = axis === x.rank - 1;
  const order = [...x.shape.keys()].filter((index) => index !== axis).concat(axis);
  const back = order.map((_, index) => order.indexOf(index));
  const ordered = (): Tensor => (isLast ? x : tf.transpose(x, order));

  const output = ({ mean, variance }: ChannelStatistics): Tensor => {
    const values = ordered();
    const rows = tf.reshape<Rank.R2>(values, [x.size / channels, channels]);
    const [beta, gamma] = [layer.beta, layer.gamma].map((weight) => weight?.read() as Tensor1D);
    const normalized = tf.batchNorm2d(rows, mean, variance, beta, gamma, layer.epsilon);
    const result = tf.reshape(normalized, values.shape);
    return isLast ? result : tf.transpose(result, back);
  };

  const values = hostValues(tf, x);
  if (values === undefined) {
    const { moments, statistics } = deviceMoments(tf, ordered());
    return { moments, output: () => output(statistics) };
  }
  const positions = x.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const moments = hostMoments(values, { channels, positions });
  return {
    moments: { read: () => moments, dispose() {} },
    output: () =>
      output({
        mean: tf.tensor1d(Float32Array.from(moments.mean)),
        variance: tf.tensor1d(Float32Array.from(moments.variance)),
      }),
  };
}
