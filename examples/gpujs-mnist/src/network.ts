// The network of the demo as gpu.js kernels: two convolutions with batch norm, then two dense
// layers.
import {
  batchNormModel,
  freeArrays,
  hostArray,
  type KernelArray,
  type GpujsParameter,
  type MomentsPass,
} from '@polyak/backend-gpujs';
import { observedOptimizer } from '@polyak/core';
import { type BatchNormModel, type Optimizer } from '@polyak/core/interfaces';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

import { convolution } from './convolution.js';
import { crossEntropy } from './cross-entropy.js';
import { dense } from './dense.js';
import type { Layer, TrainedLayer } from './layer.js';
import { normalization } from './normalization.js';
import { reluMaxPool } from './pooling.js';
import { sgd } from './sgd.js';
import type { InitialWeights } from './weights.js';

/** Images of 28 × 28 numbers from 0 to 1, one behind the other, and what they show. */
export interface DigitBatch {
  readonly images: Float32Array;
  readonly labels: ArrayLike<number>;
  readonly count: number;
}

/** A network that reads digits. */
export interface DigitNetwork {
  /** All that is trained, by the names of {@link InitialWeights}. */
  readonly parameters: readonly GpujsParameter[];
  /** The running statistics. */
  readonly statistics: readonly GpujsParameter[];
  /**
   * What `SWA` drives. It only observes: `minimize` takes the step, at the learning rate of its
   * group.
   */
  readonly optimizer: Optimizer<GpujsTensor>;
  /** What `bnUpdate` reads; a batch is its images. */
  readonly batchNorm: BatchNormModel<Float32Array>;
  /** The logits in evaluation, [count, 10]. */
  infer(images: Float32Array): Promise<Float32Array>;
  /**
   * Loss in nats and gradients in training, by the parameters' names; moves the running statistics.
   */
  gradients(
    batch: DigitBatch,
  ): Promise<{ loss: number; gradients: ReadonlyMap<string, Float32Array> }>;
  /** One step of SGD. Returns the loss of the batch before it, in nats. */
  minimize(batch: DigitBatch): Promise<number>;
  /** Frees textures and kernels. */
  dispose(): void;
}

/** The digits that the network tells apart. */
export const classes = 10;
const imageSize = 28;

/**
 * Conv8-BN-ReLU-MaxPool-Conv16-BN-ReLU-MaxPool-Dense32-ReLU-Dense10, from images [n, 1, 28, 28] to
 * logits [n, 10].
 *
 * @param gpu - the instance that computes; it stays the caller's
 * @param weights - what it starts from: `conv1.weight` [8, 1, 3, 3], `bn1.weight`, `.bias`,
 *   `.running_mean`, `.running_var` [8], `conv2.weight` [16, 8, 3, 3], `bn2.…` [16],
 *   `dense1.weight` [400, 32], `.bias` [32], `dense2.weight` [32, 10], `.bias` [10]
 * @param sgdOptions - the learning rate of the first step, and the momentum
 */
export function digitNetwork(
  gpu: GPU,
  weights: InitialWeights,
  sgdOptions: { readonly learningRate: number; readonly momentum: number },
): DigitNetwork {
  const bn1 = normalization(gpu, { name: 'bn1', shape: [8, 26, 26] }, weights);
  const bn2 = normalization(gpu, { name: 'bn2', shape: [16, 11, 11] }, weights);
  const layers: readonly Layer[] = [
    convolution(
      gpu,
      'conv1',
      { channels: 1, height: imageSize, width: imageSize, filters: 8, size: 3 },
      weights,
    ),
    bn1,
    reluMaxPool(gpu, 'pool1', { channels: 8, height: 26, width: 26 }),
    convolution(
      gpu,
      'conv2',
      { channels: 8, height: 13, width: 13, filters: 16, size: 3 },
      weights,
    ),
    bn2,
    reluMaxPool(gpu, 'pool2', { channels: 16, height: 11, width: 11 }),
    dense(gpu, 'dense1', { inputs: 400, units: 32, isRelu: true }, weights),
    dense(gpu, 'dense2', { inputs: 32, units: classes, isRelu: false }, weights),
  ];
  const parameters = layers.flatMap((layer) => layer.parameters);
  const cost = crossEntropy(gpu, classes);
  const descent = sgd(gpu, parameters, sgdOptions.momentum);
  const group = { params: parameters, lr: sgdOptions.learningRate };

  const inferUpTo = async (
    end: number,
    images: Float32Array,
    pass?: MomentsPass,
  ): Promise<KernelArray> => {
    let x: KernelArray = images;
    for (const layer of layers.slice(0, end)) {
      const y = await layer.infer(x, pass);
      freeArrays(x);
      x = y;
    }
    return x;
  };
  const differentiate = async ({ images, labels }: DigitBatch): Promise<Differentiated> => {
    const wanted = Float32Array.from(labels);
    const trained: TrainedLayer[] = [];
    let x: KernelArray = images;
    for (const layer of layers) {
      const made = await layer.train(x);
      trained.push(made);
      x = made.y;
    }
    const losses = await cost.losses(x, wanted);
    let dy = await cost.gradient(x, wanted);
    const gradients: KernelArray[] = [];
    for (const [index, layer] of [...trained.entries()].toReversed()) {
      const back = await layer.backward(dy, index === 0);
      gradients.unshift(...back.parameters);
      freeArrays(dy, layer.y);
      dy = back.input ?? dy;
    }
    return { loss: losses.reduce((sum, value) => sum + value, 0) / losses.length, gradients };
  };

  return {
    parameters,
    statistics: [...bn1.norm.statistics, ...bn2.norm.statistics],
    optimizer: observedOptimizer([group]),
    batchNorm: batchNormModel({
      layers: [bn1.norm, bn2.norm],
      forward: async (images: Float32Array, pass) => [
        await inferUpTo(layers.indexOf(bn2) + 1, images, pass),
      ],
      sampleCount: (images) => images.length / imageSize ** 2,
    }),
    async infer(images) {
      const logits = await inferUpTo(layers.length, images);
      const values = await hostArray(logits);
      freeArrays(logits);
      return values;
    },
    async gradients(batch) {
      const { loss, gradients } = await differentiate(batch);
      const read = await Promise.all(gradients.map(hostArray));
      freeArrays(...gradients);
      return {
        loss,
        gradients: new Map(
          parameters.map(({ name }, index) => [name, read[index] ?? new Float32Array()]),
        ),
      };
    },
    async minimize(batch) {
      const { loss, gradients } = await differentiate(batch);
      await descent.step(gradients, group.lr);
      freeArrays(...gradients);
      return loss;
    },
    dispose() {
      for (const part of [...layers, cost, descent]) part.dispose();
    },
  };
}

interface Differentiated {
  readonly loss: number;
  readonly gradients: readonly KernelArray[];
}
