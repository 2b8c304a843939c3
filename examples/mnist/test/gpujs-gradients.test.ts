// The network of gpu.js kernels against float64, and against that of TensorFlow.js on the same
// weights.
import { hostArray } from '@polyak/backend-gpujs';
import {
  digitNetwork,
  digitParameters,
  digitStatistics,
  type DigitNetwork,
} from '@polyak/example-gpujs-mnist';
import * as tf from '@tensorflow/tfjs';
import type { GPU as Gpu } from 'gpu.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { describeModes } from '../../../tests/support/gpujs/describe-modes.js';
import { GPU, MODES } from '../../../tests/support/gpujs/modes.js';
import { mulberry32 } from '../src/data/random.js';
import { createNetwork } from '../src/tfjs/network.js';
import { crossEntropy } from '../src/tfjs/score.js';
import { digitsCase, relativeError } from './onnx-fixture.js';
import { forward64, infer64 } from './onnx-reference.js';
import { slope } from './slope.js';

const count = 5;
const digits = digitsCase(count);
const batch = { images: Float32Array.from(digits.images.data), labels: digits.labels, count };
const names = digitParameters.map(({ name }) => name);

function networkOn(gpu: Gpu): DigitNetwork {
  const weights = new Map(
    [...digits.weights].map(([name, { data }]) => [name, Float32Array.from(data)]),
  );
  return digitNetwork(gpu, weights, { learningRate: 0.1, momentum: 0.9 });
}

interface Slopes {
  readonly directions: readonly Float64Array[];
  readonly expected: readonly number[];
}

/**
 * Four random directions and twelve single elements of a parameter, with the slopes of the float64
 * loss along them.
 */
function slopesOf(name: string): Slopes {
  const random = mulberry32(7);
  const length = digits.weights.get(name)?.data.length ?? 0;
  const directions = [
    ...Array.from({ length: 4 }, () => Float64Array.from({ length }, () => random() / 2 ** 31 - 1)),
    ...Array.from({ length: Math.min(length, 12) }, () => {
      const element = new Float64Array(length);
      element[random() % length] = 1;
      return element;
    }),
  ];
  return { directions, expected: directions.map((direction) => slope(digits, name, direction)) };
}

const slopes = new Map(names.map((name) => [name, slopesOf(name)]));

describeModes(MODES, (_, bench) => {
  let network: DigitNetwork;
  let found: Awaited<ReturnType<DigitNetwork['gradients']>>;
  beforeAll(async () => {
    network = networkOn(bench.gpu);
    found = await network.gradients(batch);
  }, 120_000); // a driver of GL takes a tenth of a second to compile each kernel
  afterAll(() => network.dispose());

  it('gives the logits in evaluation', async () => {
    // Training has moved the running statistics since.
    const weights = new Map(digits.weights);
    for (const { name, data } of network.statistics) {
      weights.set(name, { shape: [], data: Float64Array.from(await hostArray(data())) });
    }
    const expected = infer64(weights, digits.images).data;
    expect(relativeError(await network.infer(batch.images), expected)).toBeLessThan(2e-6);
  });

  it('gives the loss, and moves the running statistics by 1 %', async () => {
    const { loss, moments } = forward64(digits.weights, digits.images, digits.labels);
    expect(relativeError([found.loss], [loss])).toBeLessThan(1e-6);
    const layers = await Promise.all(network.batchNorm.layers.map(async (layer) => layer.read()));
    for (const [index, { mean, variance }] of layers.entries()) {
      for (const [part, kept] of [
        ['running_mean', mean],
        ['running_var', variance],
      ] as const) {
        const name = `bn${index + 1}.${part}`;
        const before = digits.weights.get(name)?.data ?? new Float64Array();
        const batchValue = moments.get(name) ?? new Float64Array();
        const moved = before.map((value, c) => 0.99 * value + 0.01 * (batchValue[c] ?? NaN));
        expect(relativeError(kept, moved)).toBeLessThan(1e-6);
      }
    }
  });

  it.each(names)('gives the slope of the loss along %s', (name) => {
    const { directions, expected } = slopes.get(name) ?? { directions: [], expected: [] };
    const gradient = found.gradients.get(name) ?? new Float32Array();
    const products = directions.map((direction) =>
      direction.reduce((sum, value, index) => sum + value * (gradient[index] ?? NaN), 0),
    );
    expect(expected.length).toBeGreaterThan(5);
    expect(relativeError(products, expected)).toBeLessThan(1e-5);
  });
});

describe('digitNetwork', () => {
  it("computes the loss, gradients and running statistics of TensorFlow.js's network", async () => {
    await tf.setBackend('cpu');
    const model = createNetwork(tf, 1);
    model.setWeights(model.weights.map((weight) => toTfjs(plainName(weight.name))));
    const images = tf.tensor4d(batch.images, [count, 28, 28, 1]); // one channel: NCHW is NHWC
    const labels = tf.tensor1d([...batch.labels], 'int32');
    const { value, grads } = tf.variableGrads(() =>
      crossEntropy(tf, labels, model.apply(images, { training: true }) as tf.Tensor),
    );

    const gpu = new GPU({ mode: 'webasm' });
    const network = networkOn(gpu);
    const { loss, gradients } = await network.gradients(batch);
    expect(loss).toBeCloseTo(value.dataSync()[0] ?? NaN, 5);
    const named = new Map(
      model.trainableWeights.map((weight) => {
        const variable = (weight as unknown as { readonly val: tf.Variable }).val;
        return [plainName(weight.name), grads[variable.name] ?? tf.tensor([])];
      }),
    );
    for (const name of names) {
      const expected = fromTfjs(name, named.get(name) ?? tf.tensor([]));
      expect(relativeError(gradients.get(name) ?? [], expected)).toBeLessThan(2e-5);
    }
    for (const { name } of digitStatistics) {
      const tensor =
        model.weights.find((weight) => plainName(weight.name) === name)?.read() ?? tf.tensor([]);
      const cell = network.statistics.find((statistic) => statistic.name === name);
      expect(relativeError(cell?.data() as Float32Array, tensor.dataSync())).toBeLessThan(1e-6);
    }
    network.dispose();
    await gpu.destroy();
    model.dispose();
  });
});

/** `conv1/kernel` as `conv1.weight`. */
function plainName(name: string): string {
  const parts: Readonly<Record<string, string>> = {
    kernel: 'weight',
    gamma: 'weight',
    bias: 'bias',
    beta: 'bias',
    moving_mean: 'running_mean',
    moving_variance: 'running_var',
  };
  const [layer = '', part = ''] = name.split('/');
  return `${layer}.${parts[part] ?? part}`;
}

/** Kernels are [height, width, channels, filters] there; what is flattened has channels last. */
function toTfjs(name: string): tf.Tensor {
  const { shape = [], data = new Float64Array() } = digits.weights.get(name) ?? {};
  const tensor = tf.tensor(Float32Array.from(data), [...shape]);
  if (name.startsWith('conv')) return tensor.transpose([2, 3, 1, 0]);
  if (name === 'dense1.weight')
    return tensor.reshape([16, 25, 32]).transpose([1, 0, 2]).reshape([400, 32]);
  return tensor;
}

function fromTfjs(name: string, tensor: tf.Tensor): ArrayLike<number> {
  if (name.startsWith('conv')) return tensor.transpose([3, 2, 0, 1]).dataSync();
  if (name === 'dense1.weight') return tensor.reshape([25, 16, 32]).transpose([1, 0, 2]).dataSync();
  return tensor.dataSync();
}
