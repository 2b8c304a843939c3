// A convolutional model is trained and averaged on any backend of TensorFlow.js.
import {
  batchNormModel,
  modelParameters,
  registerConvGradient,
  swaCallback,
  tfjsBackend,
} from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { AveragedModel, bnUpdate } from '@polyak/core';

/**
 * The largest difference between the averages in the model and the float64 means of the weights
 * that training visited.
 */
export async function averagingError(tf: TensorFlowWithLayers): Promise<number> {
  registerConvGradient(tf); // wasm lacks it
  const { layers } = tf;
  const model = tf.sequential({
    layers: [
      layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [6, 6, 1], name: 'conv' }),
      layers.batchNormalization({ name: 'norm' }),
      layers.reLU(),
      layers.flatten(),
      layers.dense({ units: 1, name: 'dense' }),
    ],
  });
  const xs = tf.randomNormal([8, 6, 6, 1], 0, 1, 'float32', 1);
  const ys = tf.randomNormal([8, 1], 0, 1, 'float32', 2);
  model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss: 'meanSquaredError' });

  const parameters = modelParameters(model);
  const read = async (): Promise<number[]> => {
    const values = await Promise.all(parameters.map(async ({ get }) => get().data()));
    return values.flatMap((value) => [...value]);
  };
  const average = new AveragedModel(parameters, { backend: tfjsBackend(tf) });
  const visited: number[][] = [];
  for (let step = 0; step < 5; step += 1) {
    await model.trainOnBatch(xs, ys);
    await average.update();
    visited.push(await read());
  }
  const live = await read();
  await average.swap();
  await bnUpdate([xs], batchNormModel(tf, model));
  const averaged = await read();
  await average.swap();
  const restored = await read();
  if (restored.some((value, i) => value !== live[i])) throw new Error('the live weights changed');
  await average.dispose();

  const callback = swaCallback(tf, model, { loader: [xs], swaStart: 1, swaFreq: 1 });
  await model.fit(xs, ys, { epochs: 3, verbose: 0, callbacks: callback });
  await callback.swa.dispose();
  tf.dispose([xs, ys]);

  const errors = averaged.map((value, i) => {
    const sum = visited.reduce((total, weights) => total + (weights[i] ?? NaN), 0);
    return Math.abs(value - sum / visited.length);
  });
  return Math.max(...errors);
}
