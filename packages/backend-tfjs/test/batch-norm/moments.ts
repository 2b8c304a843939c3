// Batches, their moments in float64, and models of one layer, for tests of batch norm.
import type { BatchNormModel, Moments } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';

/** Values around `mean`, another sequence for each seed. */
export function values(shape: readonly number[], seed: number, mean = 100): tf.Tensor {
  return tf.tidy(() => tf.add(tf.randomNormal([...shape], 0, 1, 'float32', seed), mean));
}

/** Mean and population variance of each channel, in float64. */
export async function exact(x: tf.Tensor, axis: number): Promise<Moments> {
  const data = await x.data();
  const channels = x.shape.at(axis) ?? 0;
  const inner = x.shape.slice(axis < 0 ? axis + x.rank + 1 : axis + 1).reduce((a, b) => a * b, 1);
  const channelOf = (index: number): number => Math.floor(index / inner) % channels;
  const count = data.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  data.forEach((value, i) => (mean[channelOf(i)] = (mean[channelOf(i)] as number) + value / count));
  data.forEach((value, i) => {
    const c = channelOf(i);
    variance[c] = (variance[c] as number) + (value - (mean[c] as number)) ** 2 / count;
  });
  return { mean, variance, count };
}

/** The largest relative error of a mean or variance. */
export function relativeError(found: Moments | undefined, expected: Moments): number {
  if (found?.count !== expected.count || found.mean.length !== expected.mean.length) return NaN;
  return Math.max(
    ...(['mean', 'variance'] as const).flatMap((key) =>
      Array.from(expected[key], (value, c) => Math.abs((found[key][c] ?? NaN) / value - 1)),
    ),
  );
}

/** The moments of one batch, of all layers. */
export async function moments<Batch>(
  model: BatchNormModel<Batch>,
  batch: Batch,
): Promise<readonly Moments[]> {
  return model.batchMoments(batch, model.layers);
}

/** A model of one layer. */
export function only(layer: tf.layers.Layer): tf.LayersModel {
  return tf.sequential({ layers: [layer] });
}

/** The numbers in all weights. */
export async function weightsOf(model: tf.LayersModel): Promise<readonly number[][]> {
  return Promise.all(model.weights.map(async (weight) => [...(await weight.read().data())]));
}
