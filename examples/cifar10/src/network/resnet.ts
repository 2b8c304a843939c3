// The network: a residual network whose blocks normalise and activate before they convolve.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

import { CHANNELS, CLASSES, IMAGE_SIZE } from '../data/cifar10.js';

type Symbolic = TensorFlow.SymbolicTensor;

/** How large the network is. */
export interface Size {
  /** Layers with weights along the longest path, shortcuts not counted: 8, 14, 20, … */
  readonly depth: number;
  /** Filters of the first stage; the second has twice, the third four times as many. */
  readonly width: number;
}

/**
 * A pre-activation ResNet: a convolution, three stages of (depth - 2) / 6 blocks at 32, 16 and 8
 * pixels, batch norm, ReLU, the mean over all pixels and a dense layer; from images [n, 32, 32, 3]
 * to logits [n, 10].
 *
 * @param seed - the same seed gives the same initial weights, on every backend
 * @see He et al. 2016, Identity Mappings in Deep Residual Networks,
 * https://arxiv.org/abs/1603.05027
 */
export function createResNet(
  tf: TensorFlowWithLayers,
  { depth, width }: Size,
  seed: number,
): TensorFlow.LayersModel {
  const { layers } = tf;
  let initialized = 0;
  // Each layer draws from its own sequence. Never 0: tfjs takes that for "no seed".
  const initializer = (): ReturnType<typeof tf.initializers.heNormal> =>
    tf.initializers.heNormal({ seed: seed * 1024 + ++initialized });
  const convolve = (
    input: Symbolic,
    name: string,
    filters: number,
    kernelSize: number,
    strides: number,
  ): Symbolic =>
    layers
      .conv2d({
        name,
        filters,
        kernelSize,
        strides,
        padding: 'same',
        useBias: false,
        kernelInitializer: initializer(),
      })
      .apply(input) as Symbolic;
  const activate = (input: Symbolic, name: string): Symbolic => {
    // A tenth of each step's statistics, as PyTorch has it: tfjs's default of a hundredth is for
    // longer epochs.
    const normalized = layers
      .batchNormalization({ name: `${name}-bn`, momentum: 0.9 })
      .apply(input);
    return layers.reLU({ name: `${name}-relu` }).apply(normalized) as Symbolic;
  };
  const block = (input: Symbolic, name: string, filters: number, strides: number): Symbolic => {
    const activated = activate(input, `${name}-1`);
    const isResized = strides > 1 || input.shape.at(-1) !== filters;
    const shortcut = isResized
      ? convolve(activated, `${name}-shortcut`, filters, 1, strides)
      : input;
    const first = convolve(activated, `${name}-conv1`, filters, 3, strides);
    const second = convolve(activate(first, `${name}-2`), `${name}-conv2`, filters, 3, 1);
    return layers.add({ name: `${name}-add` }).apply([second, shortcut]) as Symbolic;
  };

  const inputs = tf.input({ name: 'image', shape: [IMAGE_SIZE, IMAGE_SIZE, CHANNELS] });
  let features = convolve(inputs, 'conv', width, 3, 1);
  for (const stage of [1, 2, 3]) {
    for (let index = 1; index <= (depth - 2) / 6; index++) {
      const strides = stage > 1 && index === 1 ? 2 : 1;
      features = block(features, `stage${stage}-block${index}`, width * 2 ** (stage - 1), strides);
    }
  }
  const pooled = layers.globalAveragePooling2d({ name: 'pool' }).apply(activate(features, 'last'));
  const head = layers.dense({ name: 'head', units: CLASSES, kernelInitializer: initializer() });
  return tf.model({ name: `resnet${depth}`, inputs, outputs: head.apply(pooled) as Symbolic });
}
