// How well an ONNX model reads digits it was not trained on.
import type { OnnxModel } from '@polyak/backend-onnx';

import { orderedBatches } from '../data/batches.js';
import type { Digits } from '../data/mnist.js';
import { scoreBatchSize } from '../data/problem.js';
import type { Score } from '../run.js';
import { scoreLogits } from '../runtime/score-logits.js';
import { imageTensor } from './digit-tensors.js';

/**
 * Scores a model from `images` to `logits`.
 *
 * @param batchSize - images a forward pass: a matter of memory, not of the result
 */
export async function scoreModel(
  model: Pick<OnnxModel, 'run'>,
  digits: Digits,
  batchSize: number = scoreBatchSize,
): Promise<Score> {
  let right = 0;
  let lossSum = 0;
  for (const batch of orderedBatches(digits, batchSize)) {
    const { logits } = await model.run({ images: imageTensor(batch) });
    if (logits?.type !== 'float32')
      throw new TypeError('scoreModel: the model gives no float32 "logits".');
    const batchScore = scoreLogits(logits.data as Float32Array, batch);
    right += batchScore.right;
    lossSum += batchScore.lossSum;
  }
  return { accuracy: right / digits.count, loss: lossSum / digits.count };
}
