// Batch norm for the averaged weights: the model's layers, and one pass over the training images.
import { batchNormModel } from '@polyak/backend-tfjs';
import type { InputBatch, TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type { AveragedBatchNorm } from '@polyak/core';
import type * as TensorFlow from '@tensorflow/tfjs';

import { orderedBatches } from '../data/batches.js';
import type { Digits } from '../data/mnist.js';
import { statisticsBatchSize } from '../data/problem.js';
import { imageTensor } from './digit-tensors.js';

/** What `swa.withAveraged` and `bnUpdate` need: each iteration over the loader starts anew. */
export function batchNormOf(
  tf: TensorFlowWithLayers,
  model: TensorFlow.LayersModel,
  digits: Digits,
): AveragedBatchNorm<InputBatch> {
  const loader = {
    *[Symbol.iterator](): Generator<TensorFlow.Tensor4D> {
      for (const batch of orderedBatches(digits, statisticsBatchSize)) {
        const images = imageTensor(tf, batch);
        try {
          yield images;
        } finally {
          images.dispose();
        }
      }
    },
  };
  return { model: batchNormModel(tf, model), loader };
}
