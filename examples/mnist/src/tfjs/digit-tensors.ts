// Digits as tensors of TensorFlow.js.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

import { type Digits, imageSize } from '../data/mnist.js';

/**
 * The images of a batch, as [n, 28, 28, 1].
 *
 * @returns a tensor the caller disposes of
 */
export function imageTensor(tf: TensorFlowWithLayers, batch: Digits): TensorFlow.Tensor4D {
  return tf.tensor4d(batch.images, [batch.count, imageSize, imageSize, 1]);
}

/**
 * The labels of a batch, as int32 of [n].
 *
 * @returns a tensor the caller disposes of
 */
export function labelTensor(tf: TensorFlowWithLayers, batch: Digits): TensorFlow.Tensor1D {
  return tf.tensor1d(Int32Array.from(batch.labels), 'int32');
}
