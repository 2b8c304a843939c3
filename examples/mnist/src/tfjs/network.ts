// The network that both runs train on TensorFlow.js: two convolutions with batch norm, then two
// dense layers.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

import { imageSize } from '../data/mnist.js';

/**
 * Conv8-BN-ReLU-MaxPool-Conv16-BN-ReLU-MaxPool-Dense32-ReLU-Dense10, from images [n, 28, 28, 1] to
 * logits [n, 10].
 *
 * @param tf - the runtime
 * @param seed - the same seed gives the same initial weights, on every backend
 */
export function createNetwork(tf: TensorFlowWithLayers, seed: number): TensorFlow.LayersModel {
  // Each layer draws from its own sequence. Never 0: tfjs takes that for "no seed".
  const initializer = (layer: number): ReturnType<typeof tf.initializers.heNormal> =>
    tf.initializers.heNormal({ seed: seed * 16 + layer });
  const { layers } = tf;
  return tf.sequential({
    name: 'digits',
    layers: [
      layers.conv2d({
        name: 'conv1',
        inputShape: [imageSize, imageSize, 1],
        filters: 8,
        kernelSize: 3,
        kernelInitializer: initializer(1),
        useBias: false, // the batch norm that follows has a shift of its own
      }),
      layers.batchNormalization({ name: 'bn1' }),
      layers.reLU({ name: 'relu1' }),
      layers.maxPooling2d({ name: 'pool1', poolSize: 2 }),
      layers.conv2d({
        name: 'conv2',
        filters: 16,
        kernelSize: 3,
        kernelInitializer: initializer(2),
        useBias: false,
      }),
      layers.batchNormalization({ name: 'bn2' }),
      layers.reLU({ name: 'relu2' }),
      layers.maxPooling2d({ name: 'pool2', poolSize: 2 }),
      layers.flatten({ name: 'flatten' }),
      layers.dense({
        name: 'dense1',
        units: 32,
        activation: 'relu',
        kernelInitializer: initializer(3),
      }),
      layers.dense({ name: 'dense2', units: 10, kernelInitializer: initializer(4) }),
    ],
  });
}
