// Batch normalization as a building block between gpu.js kernels: forward, backward, running
// statistics.
import type { BatchNormLayer } from '@polyak/core/interfaces';
import { requireOptions } from '@polyak/core/kit';
import type { GPU } from 'gpu.js';
import { activation } from './activation.js';
import type { ActivationOptions } from './activation.js';
import { momentsOf } from './batch-moments.js';
import { batchNormKernels } from './batch-norm-kernels.js';
import { channelSums } from './channel-sums.js';
import { freeArrays, hostArray } from './flat-kernel.js';
import type { KernelArray } from './flat-kernel.js';
import { layerParameter } from './layer-parameter.js';
import type { GpujsParameter } from '../parameter.js';
import type { MomentsPass } from './moments-pass.js';

/** Options of {@link batchNorm}. */
export interface BatchNormOptions extends ActivationOptions {
  /**
   * Unique within the network: its tensors are `<name>.weight`, `.bias`, `.running_mean` and
   * `.running_var`.
   */
  readonly name: string;
  /** Added to the variance, > 0. Default 1e-5 as in PyTorch; Keras has 1e-3. */
  readonly epsilon?: number;
  /**
   * The weight of the batch's statistics in a training step, from 0 to 1. Default 0.1. Keras' 0.99
   * is 0.01 here.
   */
  readonly momentum?: number;
  /**
   * The variance that the layer keeps: `unbiased` as in PyTorch, the default, or `population` as in
   * Keras.
   */
  readonly varianceKind?: BatchNormLayer['varianceKind'];
  /**
   * Whether an update may leave the layer out by `include: (layer) => layer.trainable`. Default
   * true.
   */
  readonly trainable?: boolean;
}

const OPTIONS = ['name', 'shape', 'layout', 'epsilon', 'momentum', 'varianceKind', 'trainable'];

/** A batch-norm layer of a network made of gpu.js kernels. See {@link batchNorm}. */
export interface BatchNorm extends BatchNormLayer {
  /**
   * The tensors that training moves: weight and bias, [channels] each. The layer frees what they
   * hold when disposed of.
   */
  readonly parameters: readonly [weight: GpujsParameter, bias: GpujsParameter];
  /** The running mean and variance, [channels] each. */
  readonly statistics: readonly [mean: GpujsParameter, variance: GpujsParameter];
  /**
   * The output in evaluation, normalised by the running statistics. In a {@link MomentsPass} it is
   * normalised by the batch's statistics, and these are reported.
   *
   * @param x - activations, flat and row-major, [samples, ...shape]; only read
   * @param pass - the argument of `forward` in `batchNormModel`
   * @returns as many elements; the caller frees a texture
   * @throws RangeError where `x` is not a whole number of samples
   */
  infer(x: KernelArray, pass?: MomentsPass): Promise<KernelArray>;
  /**
   * The output in training, normalised by the batch's statistics. Moves the running statistics
   * towards them.
   *
   * @param x - activations as in `infer`; keep them until `backward` was called
   * @returns the output, and `backward`
   * @throws RangeError where `x` is not a whole number of samples, or has only one value a channel
   */
  train(x: KernelArray): Promise<TrainedBatchNorm>;
  /** Frees its tensors and kernels. */
  dispose(): void;
}

/** The result of a batch-norm layer in training. */
export interface TrainedBatchNorm {
  /** The output. The caller frees a texture. */
  readonly y: KernelArray;
  /**
   * The backward pass.
   *
   * @param dy - the loss's gradient with respect to `y`; only read
   * @returns the gradients; the caller frees a texture
   */
  backward(dy: KernelArray): Promise<BatchNormGradients>;
}

/** The loss's gradients with respect to the inputs of a batch-norm layer. */
export interface BatchNormGradients {
  /** With respect to `x`. */
  readonly input: KernelArray;
  /** With respect to the weight, [channels]. */
  readonly weight: Float32Array;
  /** With respect to the bias, [channels]. */
  readonly bias: Float32Array;
}

/**
 * Batch normalization between gpu.js kernels:
 *
 * y = weight · (x - mean) / sqrt(variance + epsilon) + bias, for each channel.
 *
 * Activations are flat and row-major, as kernels with a one-dimensional output give them: a
 * `Float32Array` on `cpu` and `webasm`, a texture elsewhere. Statistics are added up on the device
 * in short sums, and these in float64 on the host.
 *
 * @param gpu - the instance that the network's kernels are made with
 * @param options - name, shape of a sample, and constants
 * @returns the layer, with weight and running variance 1, bias and running mean 0; dispose of it
 * when done
 * @throws RangeError where the shape, `epsilon` or `momentum` is out of range
 * @throws TypeError where the options are no object, or one of them is not known
 *
 * @example
 * ```ts
 * import { GPU } from 'gpu.js';
 * import { batchNorm, batchNormModel, hostArray } from '@polyak/backend-gpujs';
 * import { bnUpdate } from '@polyak/core';
 *
 * const gpu = new GPU({ mode: 'webasm' });
 * const norm = batchNorm(gpu, { name: 'bn', shape: [2], epsilon: 1e-6 });
 * const model = batchNormModel({
 *   layers: [norm],
 *   forward: async (batch: Float32Array, pass) => [await norm.infer(batch, pass)],
 *   sampleCount: (batch) => batch.length / 2,
 * });
 * const batch = Float32Array.of(1, 10, 3, 30); // two samples of two channels
 * await bnUpdate([batch], model, { statistics: 'pooled' });
 * console.log((await norm.read()).mean); // Float64Array(2) [2, 20]
 * const normalized = await hostArray(await norm.infer(batch));
 * console.log(normalized.map(Math.round)); // Float32Array(4) [-1, -1, 1, 1]
 * norm.dispose();
 * await gpu.destroy();
 * ```
 *
 * @see Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167, section 3
 */
export function batchNorm(gpu: GPU, options: BatchNormOptions): BatchNorm {
  const {
    name,
    epsilon = 1e-5,
    momentum = 0.1,
    varianceKind = 'unbiased',
    trainable = true,
    ...activations
  } = requireOptions('batchNorm', options, OPTIONS);
  if (!(epsilon > 0 && epsilon < Infinity)) {
    throw new RangeError(
      `batchNorm "${name}": epsilon is ${epsilon}, expected a finite number > 0.`,
    );
  }
  if (!(momentum >= 0 && momentum <= 1)) {
    throw new RangeError(
      `batchNorm "${name}": momentum is ${momentum}, expected a number from 0 to 1.`,
    );
  }
  const layout = activation(name, activations);
  const { channels } = layout;
  const sums = channelSums(gpu, layout);
  const kernels = batchNormKernels(gpu, layout, epsilon);
  const cell = (part: string, fill: number): GpujsParameter =>
    layerParameter(`${name}.${part}`, [channels], new Float32Array(channels).fill(fill));
  const cells = {
    weight: cell('weight', 1),
    bias: cell('bias', 0),
    mean: cell('running_mean', 0),
    variance: cell('running_var', 1),
  };

  const normalized = async (
    x: KernelArray,
    mean: KernelArray,
    variance: KernelArray,
  ): Promise<KernelArray> => {
    const gain = await kernels.gain.run(cells.weight.data(), variance);
    try {
      return await kernels.normalize(layout.sampleCount(x)).run(x, mean, gain, cells.bias.data());
    } finally {
      freeArrays(gain);
    }
  };

  const layer: BatchNorm = {
    name,
    get identity() {
      return layer;
    },
    channels,
    trainable,
    varianceKind,
    parameters: [cells.weight, cells.bias],
    statistics: [cells.mean, cells.variance],
    async read() {
      const [mean, variance] = [
        await hostArray(cells.mean.data()),
        await hostArray(cells.variance.data()),
      ];
      return { mean: Float64Array.from(mean), variance: Float64Array.from(variance) };
    },
    write({ mean, variance }) {
      cells.mean.replace(Float32Array.from(mean));
      cells.variance.replace(Float32Array.from(variance));
    },
    async infer(x, pass) {
      if (pass?.measures(layer) !== true)
        return normalized(x, cells.mean.data(), cells.variance.data());
      const moments = await momentsOf(layout, sums, x);
      pass.report(layer, moments);
      return normalized(x, Float32Array.from(moments.mean), Float32Array.from(moments.variance));
    },
    async train(x) {
      const moments = await momentsOf(layout, sums, x);
      const { count } = moments;
      if (count < 2)
        throw new RangeError(
          `batchNorm "${name}": the batch has one value a channel, expected at least two. ` +
            'Train with larger batches.',
        );
      const [mean, variance] = [
        Float32Array.from(moments.mean),
        Float32Array.from(moments.variance),
      ];
      const y = await normalized(x, mean, variance);
      const correction = varianceKind === 'unbiased' ? count / (count - 1) : 1;
      const kept = moments.variance.map((value) => value * correction);
      cells.mean.replace(await kernels.moved.run(cells.mean.data(), mean, Math.fround(momentum)));
      cells.variance.replace(
        await kernels.moved.run(
          cells.variance.data(),
          Float32Array.from(kept),
          Math.fround(momentum),
        ),
      );
      return { y, backward: async (dy) => backward(x, dy, mean, variance, count) };
    },
    dispose() {
      for (const each of Object.values(cells)) freeArrays(each.data());
      for (const each of [kernels, sums]) each.dispose();
    },
  };

  /** dx = gain · (dy - mean(dy) - (x - mean) · mean(dy · (x - mean)) / (variance + epsilon)) */
  const backward = async (
    x: KernelArray,
    dy: KernelArray,
    mean: Float32Array,
    variance: Float32Array,
    count: number,
  ): Promise<BatchNormGradients> => {
    const total = await sums.deviations(dy, new Float32Array(channels));
    const product = await sums.products(x, mean, dy);
    const level = Float32Array.from(total, (value) => value / count);
    const slope = Float32Array.from(
      product,
      (value, c) => value / count / (Number(variance[c]) + epsilon),
    );
    const gain = await kernels.gain.run(cells.weight.data(), variance);
    try {
      return {
        input: await kernels.backward(layout.sampleCount(x)).run(x, dy, mean, gain, level, slope),
        weight: Float32Array.from(
          product,
          (value, c) => value / Math.sqrt(Number(variance[c]) + epsilon),
        ),
        bias: Float32Array.from(total),
      };
    } finally {
      freeArrays(gain);
    }
  };
  return layer;
}
