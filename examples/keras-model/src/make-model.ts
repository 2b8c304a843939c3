// Writes the model that the example begins with: `node --import tsx src/make-model.ts`. It is in
// the repository; this is where it comes from.
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import { saveModel } from '@polyak/example-shared/model-files';

await tf.setBackend('cpu');
const { layers } = tf;
const initializer = (seed: number): ReturnType<typeof tf.initializers.heNormal> =>
  tf.initializers.heNormal({ seed });
const convolution = { kernelSize: 3, useBias: false } as const;
const model = tf.sequential({
  name: 'digits',
  layers: [
    layers.conv2d({
      ...convolution,
      name: 'conv1',
      inputShape: [28, 28, 1],
      filters: 8,
      kernelInitializer: initializer(1),
    }),
    layers.batchNormalization({ name: 'bn1' }),
    layers.reLU({ name: 'relu1' }),
    layers.maxPooling2d({ name: 'pool1', poolSize: 2 }),
    layers.conv2d({
      ...convolution,
      name: 'conv2',
      filters: 16,
      kernelInitializer: initializer(2),
    }),
    layers.batchNormalization({ name: 'bn2' }),
    layers.reLU({ name: 'relu2' }),
    layers.maxPooling2d({ name: 'pool2', poolSize: 2 }),
    layers.flatten({ name: 'flatten' }),
    layers.dense({
      name: 'digit',
      units: 10,
      activation: 'softmax',
      kernelInitializer: initializer(3),
    }),
  ],
});
await saveModel(tf, model, join(import.meta.dirname, '../model'));
