// The moments of what enters a batch-norm layer, on devices whose memory JavaScript cannot read.
import type { Moments } from '@polyak/core/interfaces';
import type { Rank, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { ChannelStatistics, FoundMoments } from './found-moments.js';
import type { TensorFlow } from '../tensorflow.js';

/**
 * The moments of each channel. The device takes means over short runs, so that their rounding
 * errors stay small; the host adds them up in float64.
 *
 * @param tf - the runtime
 * @param x - channels come last
 * @returns moments, kept beyond `tf.tidy`, and the same for operations on the device
 */
export function deviceMoments(
  tf: TensorFlow,
  x: Tensor,
): { readonly moments: FoundMoments; readonly statistics: ChannelStatistics } {
  const channels = x.shape.at(-1) ?? 0;
  const count = x.size / channels;
  const counts = runsOf(count);
  const shares = tf.tensor2d([counts.map((length) => length / count)]);
  const vector = (row: Tensor): Tensor1D => tf.reshape(row, [channels]);

  const means = meansOf(tf, x, [counts.length, channels]);
  const center = tf.matMul(shares, means);
  const width = widthOf(x.shape);
  const distances = tf.squaredDifference(
    tf.reshape(x, [count / width, width * channels]),
    tf.tile(center, [1, width]),
  );
  const squares = meansOf(tf, distances, [counts.length, channels]);
  const kept = tf.keep(tf.concat([center, means, squares]));
  return {
    moments: {
      read: async () => momentsOf(await kept.data<'float32'>(), counts),
      dispose: () => kept.dispose(),
    },
    statistics: { mean: vector(center), variance: vector(tf.matMul(shares, squares)) },
  };
}

/**
 * Moments on the host. The center is a mean that was rounded to float32: the variance is the mean
 * of squares about it, less the square of its distance from the mean.
 *
 * @param rows - a center, the mean of each run, and each run's mean of squares about the center
 * @param counts - the number of values of a channel in each run
 * @see Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 1.7
 */
function momentsOf(rows: Float32Array, counts: readonly number[]): Moments {
  const channels = rows.length / (1 + 2 * counts.length);
  const count = counts.reduce((sum, length) => sum + length, 0);
  const mean = new Float64Array(channels);
  const square = new Float64Array(channels);
  counts.forEach((length, run) => {
    const meanAt = (1 + run) * channels;
    const squareAt = meanAt + counts.length * channels;
    for (let c = 0; c < channels; c += 1) {
      mean[c] = (mean[c] as number) + ((rows[meanAt + c] as number) * length) / count;
      square[c] = (square[c] as number) + ((rows[squareAt + c] as number) * length) / count;
    }
  });
  const variance = square.map((value, c) =>
    Math.max(0, value - ((mean[c] as number) - (rows[c] as number)) ** 2),
  );
  return { mean, variance, count };
}

/** The rows of a run: enough for few runs, and few enough for the accuracy of float32. */
const RUN = 256;

/** The lengths of the runs into which {@link meansOf} divides `count` rows. */
function runsOf(count: number): readonly number[] {
  const run = Math.min(RUN, count);
  const runs = Math.ceil(count / run);
  // The padding `same` adds what is missing to whole runs at both ends, and means leave it out.
  const missing = runs * run - count;
  const before = Math.floor(missing / 2);
  const lengths = Array.from({ length: runs }, () => run);
  lengths[0] = run - before;
  lengths[runs - 1] = (lengths[runs - 1] as number) - (missing - before);
  return lengths;
}

/**
 * The means of the runs, by pooling: tfjs's sums transpose first on some backends.
 *
 * @param shape - runs and channels
 */
function meansOf(tf: TensorFlow, x: Tensor, [runs, channels]: [number, number]): Tensor2D {
  const count = x.size / channels;
  const run = Math.min(RUN, count);
  const column = tf.reshape<Rank.R4>(x, [1, count, 1, channels]);
  return tf.reshape(tf.avgPool(column, [run, 1], [run, 1], 'same'), [runs, channels]);
}

/** The numbers in a row that is broadcast to; with 8 it takes three times as long. */
const WIDTH = 128;

/** As many neighbouring rows as make one of {@link WIDTH} numbers, where there are as many. */
function widthOf(shape: readonly number[]): number {
  const channels = shape.at(-1) ?? 1;
  return shape
    .slice(1, -1)
    .reduceRight((width, extent) => (width * channels < WIDTH ? width * extent : width), 1);
}
