// A layers model from a folder, trained by `model.fit` with SWA, and its average in another folder:
// the heart of the example.
import { swaCallback } from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';
import { loadModel, saveModel } from '@polyak/example-shared/model-files';

import type { Digits } from './digits.js';

/** What to train, and where. */
export interface TrainOptions {
  /** The folder of the model: `model.json` and its weights. */
  readonly model: string;
  /** The folder that the averaged model goes to. */
  readonly averagedModel: string;
  readonly epochs: number;
  /** Receives a line an epoch. */
  readonly onLine: (line: string) => void;
}

const BATCH_SIZE = 64;

/**
 * Trains at a constant rate and averages the weights of every step of the second half.
 *
 * @returns what the averaged model gives for the images of `test`: [count, 10]
 */
export async function trainModel(
  tf: TensorFlowWithLayers,
  { model: folder, averagedModel, epochs, onLine }: TrainOptions,
  train: Digits,
  test: Digits,
): Promise<TensorFlow.Tensor2D> {
  const model = await loadModel(tf, folder);
  model.compile({
    optimizer: tf.train.momentum(0.05, 0.9),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });

  const accuracy = (): number => {
    const [, value] = model.evaluate(test.images, test.labels, {
      batchSize: 250,
    }) as TensorFlow.Scalar[];
    return value?.dataSync()[0] ?? NaN;
  };
  const swa = swaCallback(tf, model, {
    swaStart: Math.floor((epochs / 2) * Math.ceil((train.labels.shape[0] ?? 0) / BATCH_SIZE)),
    swaFreq: 1,
    loader: tf.split(train.images, 4),
    evaluate: () => ({ accuracy: tf.tidy(accuracy) }),
  });
  await model.fit(train.images, train.labels, {
    epochs,
    batchSize: BATCH_SIZE,
    validationData: [test.images, test.labels],
    verbose: 0,
    callbacks: [
      swa,
      new tf.CustomCallback({
        onEpochEnd: async (epoch: number, logs?: TensorFlow.Logs) =>
          onLine(
            `epoch ${epoch + 1}/${epochs}: accuracy ${percent(logs?.['val_acc'])}` +
              (logs?.['swa_accuracy'] === undefined
                ? ''
                : `, averaged ${percent(logs['swa_accuracy'])}`),
          ),
      }),
    ],
  });
  // `fit` has left the averages in the model, with batch norm updated for them.
  await saveModel(tf, model, averagedModel);
  return model.predict(test.images, { batchSize: 250 }) as TensorFlow.Tensor2D;
}

function percent(accuracy = NaN): string {
  return `${(100 * accuracy).toFixed(2)} %`;
}
