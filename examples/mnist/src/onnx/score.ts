// How well an ONNX model reads digits it was not trained on.
import type { OnnxModel } from '@polyak/backend-onnx';

import { orderedBatches } from '../batches.js';
import type { Digits } from '../mnist.js';
import { scoreBatchSize } from '../problem.js';
import type { Score } from '../run.js';
import { imageTensor } from './digit-tensors.js';
import { classes } from './network.js';

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
    if (logits?.type !== 'float32') throw new TypeError('scoreModel: the model gives no float32 "logits".');
    const data = logits.data as Float32Array;
    batch.labels.forEach((label, row) => {
      const scores = data.subarray(row * classes, (row + 1) * classes);
      right += Number(argMax(scores) === label);
      lossSum += logSumExp(scores) - (scores[label] ?? Number.NaN);
    });
  }
  return { accuracy: right / digits.count, loss: lossSum / digits.count };
}

/** The first index of the greatest. */
function argMax(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}

function logSumExp(values: Float32Array): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
