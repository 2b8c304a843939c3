// How well a network does on its task.
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Examples, Task } from '../task/task.js';
import * as tf from '@tensorflow/tfjs-core';

/** Loss and accuracies of one set of weights. */
export interface Scores {
  /** Cross-entropy on the training data, with the labels that the training sees. */
  readonly loss: number;
  /** Cross-entropy on the test data. */
  readonly testLoss: number;
  /** Share of training labels that are predicted, wrong ones included, 0 to 1. */
  readonly train: number;
  /** Share of test labels that are predicted, 0 to 1. */
  readonly test: number;
}

/** Examples on the device. */
export interface DeviceExamples {
  readonly inputs: Tensor2D;
  /** One row for each example, 1 at its class. */
  readonly labels: Tensor2D;
}

/** Uploads examples. */
export function onDevice(examples: Examples, task: Task): DeviceExamples {
  const { inputs, labels, count } = examples;
  return {
    inputs: tf.tensor2d(inputs, [count, task.features]),
    // The dtype of oneHot itself is ignored on wasm.
    labels: tf.tidy(() => {
      const rows = tf.oneHot(tf.tensor1d(labels, 'int32'), task.classes);
      return tf.cast(rows, 'float32') as Tensor2D;
    }),
  };
}

/** The scores of the weights that `model` holds now. */
export async function scoresOf(
  model: LayersModel,
  train: DeviceExamples,
  test: DeviceExamples,
): Promise<Scores> {
  const scores = tf.tidy(() => tf.stack([train, test].flatMap((part) => evaluated(model, part))));
  const [loss = NaN, trained = NaN, testLoss = NaN, tested = NaN] = await scores.data();
  scores.dispose();
  return { loss, testLoss, train: trained, test: tested };
}

/** The cross-entropy on `examples` of the weights that `model` holds now. */
export async function lossOf(model: LayersModel, examples: DeviceExamples): Promise<number> {
  const loss = tf.tidy(() =>
    tf.losses.softmaxCrossEntropy(examples.labels, logitsOf(model, examples.inputs)),
  );
  const [value = NaN] = await loss.data();
  loss.dispose();
  return value;
}

/** The class that the network gives to each input. */
export async function classesOf(model: LayersModel, inputs: Tensor2D): Promise<Uint8Array> {
  const classes = tf.tidy(() => tf.argMax(logitsOf(model, inputs), 1));
  const values = Uint8Array.from(await classes.data());
  classes.dispose();
  return values;
}

function evaluated(model: LayersModel, { inputs, labels }: DeviceExamples): Tensor[] {
  const logits = logitsOf(model, inputs);
  const hits = tf.equal(tf.argMax(logits, 1), tf.argMax(labels, 1));
  return [tf.losses.softmaxCrossEntropy(labels, logits), tf.mean(tf.cast(hits, 'float32'))];
}

function logitsOf(model: LayersModel, inputs: Tensor2D): Tensor2D {
  return model.apply(inputs, { training: false }) as Tensor2D;
}
