// The loss that training lowers, and how well a model reads digits it was not trained on.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

import { orderedBatches } from '../data/batches.js';
import type { Digits } from '../data/mnist.js';
import { scoreBatchSize } from '../data/problem.js';
import type { Score } from '../run.js';
import { imageTensor, labelTensor } from './digit-tensors.js';

/**
 * The mean cross-entropy between labels and what the network makes of their images, in nats.
 *
 * @param labels - digits, int32 of [n]
 * @param logits - of [n, 10]
 */
export function crossEntropy(
  tf: TensorFlowWithLayers,
  labels: TensorFlow.Tensor1D,
  logits: TensorFlow.Tensor,
): TensorFlow.Scalar {
  return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, 10), logits);
}

/**
 * Scores a model that gives logits, in inference mode.
 *
 * @param batchSize - images a forward pass: a matter of memory, not of the result
 */
export async function scoreModel(
  tf: TensorFlowWithLayers,
  model: TensorFlow.LayersModel,
  digits: Digits,
  batchSize = scoreBatchSize,
): Promise<Score> {
  let right = 0;
  let lossSum = 0;
  for (const batch of orderedBatches(digits, batchSize)) {
    const sums = tf.tidy(() => {
      const labels = labelTensor(tf, batch);
      const logits = model.apply(imageTensor(tf, batch), { training: false });
      if (!(logits instanceof tf.Tensor)) {
        throw new TypeError(
          'scoreModel: the model has several outputs, expected the logits alone.',
        );
      }
      const rightCount = logits.argMax(-1).equal(labels).sum();
      return tf.stack([rightCount.toFloat(), crossEntropy(tf, labels, logits).mul(batch.count)]);
    });
    const [batchRight, batchLoss] = await sums.data();
    sums.dispose();
    right += batchRight ?? 0;
    lossSum += batchLoss ?? 0;
  }
  return { accuracy: right / digits.count, loss: lossSum / digits.count };
}
