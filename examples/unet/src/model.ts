// The network with its pictures: the loss, the predictions, the batch norm.
import { batchLoader, batchNormModel } from '@polyak/backend-tfjs';
import type { InputBatch, TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type { AveragedBatchNorm } from '@polyak/core';
import type * as TensorFlow from '@tensorflow/tfjs';
import { orderedBatches } from './batches.js';
import { createUnet } from './network.js';
import { SIZE } from './pictures/canvas.js';
import type { Pictures } from './pictures/pictures.js';
import { DEPTH, WIDTH } from './settings.js';

/** A U-Net and the runtime it is on. */
export interface Unet {
  readonly tf: TensorFlowWithLayers;
  readonly layers: TensorFlow.LayersModel;
}

/** The network of a seed before its first step. */
export function createModel(tf: TensorFlowWithLayers, seed: number): Unet {
  return { tf, layers: createUnet(tf, { width: WIDTH, depth: DEPTH, seed }) };
}

/** The mean cross-entropy of a batch over its pixels in training, in nats. */
export function lossOf({ tf, layers }: Unet, batch: Pictures): TensorFlow.Scalar {
  const logits = layers.apply(tensorOf(tf, batch.images), { training: true }) as TensorFlow.Tensor;
  return tf.losses.sigmoidCrossEntropy(tensorOf(tf, batch.masks), logits);
}

/** The probability of foreground for each pixel of each picture, in inference. */
export async function predict(
  { tf, layers }: Unet,
  pictures: Pictures,
  batchSize: number,
): Promise<Float32Array> {
  const probabilities = new Float32Array(pictures.images.length);
  let filled = 0;
  for (const { images } of orderedBatches(pictures, batchSize)) {
    const batch = tf.tidy(() => {
      const logits = layers.apply(tensorOf(tf, images), { training: false }) as TensorFlow.Tensor;
      return tf.sigmoid(logits);
    });
    probabilities.set(await batch.data<'float32'>(), filled);
    filled += images.length;
    batch.dispose();
  }
  return probabilities;
}

/** What updates batch norm: the layers, and all training pictures a batch at a time. */
export function batchNormOf(
  { tf, layers }: Unet,
  pictures: Pictures,
  batchSize: number,
): AveragedBatchNorm<InputBatch> {
  function* inputs(): Generator<TensorFlow.Tensor4D> {
    for (const { images } of orderedBatches(pictures, batchSize)) yield tensorOf(tf, images);
  }
  return { model: batchNormModel(tf, layers), loader: batchLoader(tf, inputs) };
}

function tensorOf(tf: TensorFlowWithLayers, pixels: Float32Array): TensorFlow.Tensor4D {
  return tf.tensor4d(pixels, [pixels.length / SIZE ** 2, SIZE, SIZE, 1]);
}
