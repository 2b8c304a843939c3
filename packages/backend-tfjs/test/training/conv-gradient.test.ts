// The filter gradient that wasm lacks, against the stock kernel of the cpu backend.
import { registerConvGradient } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

type Shape4 = [number, number, number, number];
type Pad = Parameters<typeof tf.conv2d>[3];

function gradient(
  input: Shape4,
  filter: Shape4,
  strides: number | [number, number],
  pad: Pad,
): tf.Tensor {
  return tf.tidy(() => {
    const x = tf.randomNormal<tf.Rank.R4>(input, 0, 1, 'float32', 1);
    const f = tf.randomNormal<tf.Rank.R4>(filter, 0, 1, 'float32', 2);
    const loss = (w: tf.Tensor): tf.Scalar => {
      const y = tf.conv2d(x, w as tf.Tensor4D, strides, pad);
      return tf.sum(tf.mul(y, tf.randomNormal(y.shape, 0, 1, 'float32', 3)));
    };
    return tf.grad(loss)(f);
  });
}

describe('tfjs without registerConvGradient', () => {
  useRuntime('wasm');

  it('cannot differentiate a convolution on wasm', () => {
    expect(() => gradient([1, 4, 4, 1], [3, 3, 1, 1], 1, 'same')).toThrow(/Conv2DBackpropFilter/u);
  });
});

describe('registerConvGradient', () => {
  useRuntime('wasm');
  let hasRegistered: boolean;
  beforeAll(() => {
    hasRegistered = registerConvGradient(tf);
  });
  afterAll(() => {
    tf.unregisterKernel('Conv2DBackpropFilter', 'wasm');
    tf.unregisterKernel('DepthwiseConv2dNativeBackpropInput', 'wasm');
    tf.unregisterKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm');
  });

  it('registers once, and lets wasm differentiate that convolution', () => {
    expect([hasRegistered, registerConvGradient(tf)]).toEqual([true, false]);
    const found = gradient([1, 4, 4, 1], [3, 3, 1, 1], 1, 'same');
    expect(found.shape).toEqual([3, 3, 1, 1]);
    found.dispose();
  });

  it('adds only what is missing', () => {
    const kept = tf.getKernel('DepthwiseConv2dNativeBackpropInput', 'wasm');
    expect(kept).toBeDefined();
    tf.unregisterKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm');
    expect(registerConvGradient(tf)).toBe(true);
    expect(tf.getKernel('DepthwiseConv2dNativeBackpropInput', 'wasm')).toBe(kept);
    expect(tf.getKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm')).toBeDefined();
  });

  it('refuses what is no TensorFlow.js', () => {
    const none = undefined as unknown as typeof tf;
    expect(() => registerConvGradient(none)).toThrow(/first argument is not TensorFlow\.js/);
  });

  it.each<[string, Shape4, Shape4, number | [number, number], Pad]>([
    ['same', [4, 14, 14, 3], [3, 3, 3, 8], 1, 'same'],
    ['valid', [4, 14, 14, 3], [3, 3, 3, 8], 1, 'valid'],
    ['same, strides 2', [2, 15, 14, 3], [3, 3, 3, 4], 2, 'same'],
    ['valid, strides that leave a rest', [2, 17, 19, 3], [4, 5, 3, 4], [2, 3], 'valid'],
    ['even filter, same', [2, 9, 9, 2], [2, 4, 2, 3], 1, 'same'],
    ['1 x 1', [2, 8, 8, 5], [1, 1, 5, 4], 1, 'same'],
    ['1 x 1, strides 2', [2, 8, 8, 5], [1, 1, 5, 4], 2, 'same'],
    ['padding 2', [2, 8, 8, 2], [3, 3, 2, 3], 1, 2],
    [
      'explicit padding',
      [2, 8, 8, 2],
      [3, 3, 2, 3],
      1,
      [
        [0, 0],
        [1, 2],
        [0, 3],
        [0, 0],
      ],
    ],
    ['filter as large as the input', [3, 5, 5, 2], [5, 5, 2, 3], 1, 'valid'],
  ])('agrees with the stock kernel: %s', async (_, input, filter, strides, pad) => {
    const before = tf.memory().numTensors;
    const found = gradient(input, filter, strides, pad);
    const actual = await found.data<'float32'>();
    found.dispose();
    expect(tf.memory().numTensors).toBe(before);

    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    const stock = gradient(input, filter, strides, pad);
    const expected = await stock.data<'float32'>();
    await tf.setBackend('wasm');
    const scale = Math.sqrt(
      expected.reduce((sum, value) => sum + value * value, 0) / expected.length,
    );
    expect(actual).toHaveLength(expected.length);
    actual.forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number)) / scale, `element ${i}`).toBeLessThan(3e-6);
    });
  });

  it('refuses channels first', () => {
    expect(() =>
      tf.tidy(() => {
        const dy = tf.ones<tf.Rank.R4>([1, 1, 2, 2]);
        return tf
          .engine()
          .runKernel(
            'Conv2DBackpropFilter',
            { x: tf.ones([1, 1, 4, 4]), dy },
            { strides: 1, pad: 'valid', dataFormat: 'NCHW', filterShape: [3, 3, 1, 1] },
          );
      }),
    ).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as Error);
  });

  it('lets a convolutional model train on wasm', async () => {
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', inputShape: [8, 8, 1] }),
        layers.batchNormalization({}),
        layers.reLU(),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
    });
    model.compile({ optimizer: tf.train.momentum(0.05, 0.9), loss: 'categoricalCrossentropy' });
    const labels = Array.from({ length: 32 }, (_, i) => i % 2);
    const [xs, ys] = tf.tidy(() => {
      const bright = tf.reshape(tf.tensor1d(labels, 'float32'), [32, 1, 1, 1]);
      const noise = tf.randomNormal([32, 8, 8, 1], 0, 1, 'float32', 1);
      return [tf.add(noise, bright), tf.oneHot(tf.tensor1d(labels, 'int32'), 2)] as const;
    });
    const losses: number[] = [];
    for (let step = 0; step < 20; step += 1)
      losses.push((await model.trainOnBatch(xs, ys)) as number);
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] ?? 0));
    tf.dispose([xs, ys]);
  });
});
