// The gradients of depthwise convolutions that wasm lacks, against the stock kernels of the cpu
// backend.
import { registerConvGradient } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

type Shape4 = [number, number, number, number];
type Strides = number | [number, number];
type Pad = Parameters<typeof tf.depthwiseConv2d>[3];

/** The gradients with respect to the input and the filter. */
function gradients(input: Shape4, filter: Shape4, strides: Strides, pad: Pad): tf.Tensor[] {
  return tf.tidy(() => {
    const x = tf.randomNormal<tf.Rank.R4>(input, 0, 1, 'float32', 1);
    const f = tf.randomNormal<tf.Rank.R4>(filter, 0, 1, 'float32', 2);
    const loss = (image: tf.Tensor, weights: tf.Tensor): tf.Scalar => {
      const y = tf.depthwiseConv2d(image as tf.Tensor4D, weights as tf.Tensor4D, strides, pad);
      return tf.sum(tf.mul(y, tf.randomNormal(y.shape, 0, 1, 'float32', 3)));
    };
    return tf.grads(loss)([x, f]);
  });
}

const read = async (tensors: readonly tf.Tensor[]) =>
  Promise.all(tensors.map(async (tensor) => tensor.data<'float32'>()));

describe('tfjs without registerConvGradient', () => {
  useRuntime('wasm');

  it('cannot differentiate a depthwise convolution on wasm', () => {
    expect(() => gradients([1, 4, 4, 1], [3, 3, 1, 1], 1, 'same')).toThrow(
      /DepthwiseConv2dNative/u,
    );
  });
});

describe('registerConvGradient, of depthwise convolutions', () => {
  useRuntime('wasm');
  beforeAll(async () => {
    registerConvGradient(tf);
    await import('@tensorflow/tfjs-backend-cpu');
  });
  afterAll(() => {
    tf.unregisterKernel('Conv2DBackpropFilter', 'wasm');
    tf.unregisterKernel('DepthwiseConv2dNativeBackpropInput', 'wasm');
    tf.unregisterKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm');
  });

  it.each<[string, Shape4, Shape4, Strides, Pad]>([
    ['same', [4, 14, 14, 3], [3, 3, 3, 1], 1, 'same'],
    ['valid, two outputs a channel', [4, 14, 13, 3], [3, 3, 3, 2], 1, 'valid'],
    ['same, strides 2, odd and even', [2, 15, 14, 3], [3, 3, 3, 1], 2, 'same'],
    ['same, strides 2, two outputs a channel', [2, 14, 15, 3], [3, 3, 3, 2], 2, 'same'],
    ['valid, strides that leave a rest', [2, 17, 19, 3], [4, 5, 3, 1], [2, 3], 'valid'],
    ['strides larger than the filter', [2, 11, 13, 2], [2, 1, 2, 2], [3, 4], 'valid'],
    ['even filter, same', [2, 9, 9, 2], [2, 4, 2, 3], 1, 'same'],
    ['1 x 1', [2, 8, 8, 5], [1, 1, 5, 1], 1, 'same'],
    ['padding wider than the filter', [2, 8, 8, 2], [2, 2, 2, 1], 1, 3],
    [
      'explicit padding, strides 2',
      [2, 8, 8, 2],
      [3, 3, 2, 1],
      2,
      [
        [0, 0],
        [1, 2],
        [0, 3],
        [0, 0],
      ],
    ],
    ['filter as large as the input', [3, 5, 5, 2], [5, 5, 2, 1], 1, 'valid'],
  ])('agrees with the stock kernels: %s', async (_, input, filter, strides, pad) => {
    const before = tf.memory().numTensors;
    const found = gradients(input, filter, strides, pad);
    const actual = await read(found);
    tf.dispose(found);
    expect(tf.memory().numTensors).toBe(before);

    await tf.setBackend('cpu');
    const stock = gradients(input, filter, strides, pad);
    const expected = await read(stock);
    tf.dispose(stock);
    await tf.setBackend('wasm');
    for (const [n, values] of expected.entries()) {
      const scale = Math.sqrt(
        values.reduce((sum, value) => sum + value * value, 0) / values.length,
      );
      expect(actual[n]).toHaveLength(values.length);
      actual[n]?.forEach((value, i) => {
        const distance = Math.abs(value - (values[i] as number)) / scale;
        expect(distance, `${n === 0 ? 'input' : 'filter'}, element ${i}`).toBeLessThan(1e-5);
      });
    }
  });

  it('lets a model with separable and depthwise convolutions train on wasm', async () => {
    const { layers } = tf;
    const kernel = tf.initializers.glorotUniform({ seed: 1 });
    const model = tf.sequential({
      layers: [
        layers.separableConv2d({
          filters: 4,
          kernelSize: 3,
          depthwiseInitializer: kernel,
          pointwiseInitializer: kernel,
          inputShape: [8, 8, 2],
        }),
        layers.depthwiseConv2d({ kernelSize: 3, strides: 2, depthwiseInitializer: kernel }),
        layers.flatten(),
        layers.dense({ units: 1, kernelInitializer: kernel }),
      ],
    });
    model.compile({ optimizer: tf.train.momentum(0.02, 0.9), loss: 'meanSquaredError' });
    const xs = tf.randomNormal([16, 8, 8, 2], 0, 1, 'float32', 1);
    const ys = tf.tidy(() => tf.mean(xs, [1, 2, 3]).reshape([16, 1]).mul(10));
    const losses: number[] = [];
    for (let step = 0; step < 30; step += 1) {
      losses.push((await model.trainOnBatch(xs, ys)) as number);
    }
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] ?? 0));
    tf.dispose([xs, ys]);
  });
});
