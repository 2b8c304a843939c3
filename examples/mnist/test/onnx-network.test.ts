import { describe, expect, it } from 'vitest';

import { inferenceGraph } from '../src/onnx/inference-graph.js';
import { digitLayers } from '../src/onnx/network.js';
import { scoreModel } from '../src/onnx/score.js';
import { initialWeights } from '../src/runtime/initial-weights.js';
import { digitsCase, feedsOf, plansOf, relativeError, runOnce, smallCase } from './onnx-fixture.js';
import { infer64 } from './onnx-reference.js';

describe('inferenceGraph', () => {
  it.each([
    ['small', smallCase(6)],
    ['digits', digitsCase(5)],
  ])('gives the logits of the %s network with its running statistics', async (_, network) => {
    const weights = new Map(
      [...network.weights].map(([name, { data }]) => [name, Float32Array.from(data)]),
    );
    const { images } = feedsOf(network);
    if (images === undefined) throw new Error('The case has no images.');
    const { logits } = await runOnce(inferenceGraph(network.layers, weights, network.shapes), {
      images,
    });
    expect(relativeError(logits ?? [], infer64(network.weights, network.images).data)).toBeLessThan(
      1e-6,
    );
  });

  it('refuses to be made without a weight', () => {
    const { layers, shapes } = smallCase(1);
    expect(() => inferenceGraph(layers, new Map(), shapes)).toThrow(
      'There are no weights for "conv1.weight".',
    );
  });
});

describe('initialWeights', () => {
  it('gives the same weights for the same seed, and others for another', () => {
    expect(initialWeights(digitLayers, 1)).toEqual(initialWeights(digitLayers, 1));
    expect(initialWeights(digitLayers, 1)).not.toEqual(initialWeights(digitLayers, 2));
    expect(initialWeights(digitLayers, 0).get('conv1.weight')).not.toContain(NaN);
  });

  it("draws from He's normal distribution, cut at two standard deviations", () => {
    const weights = initialWeights(digitLayers, 3).get('dense1.weight') ?? new Float32Array();
    const deviation = Math.sqrt(2 / 400);
    expect(weights).toHaveLength(400 * 32);
    expect(Math.max(...weights.map(Math.abs))).toBeLessThanOrEqual(2 * deviation);
    const square = weights.reduce((sum, value) => sum + value ** 2, 0) / weights.length;
    // The variance of a standard normal deviate within [-2, 2], by its density there.
    expect(Math.sqrt(square) / (deviation * Math.sqrt(0.7737))).toBeCloseTo(1, 1.5);
    expect(weights.reduce((sum, value) => sum + value, 0) / weights.length / deviation).toBeCloseTo(
      0,
      1,
    );
  });

  it('starts batch norm from the identity and biases from 0', () => {
    const weights = initialWeights(digitLayers, 1);
    for (const { name } of plansOf(digitLayers).filter(({ initial }) => 'fill' in initial)) {
      const isOne = /bn\d\.(weight|running_var)/.test(name);
      expect(new Set(weights.get(name))).toEqual(new Set([isOne ? 1 : 0]));
    }
  });
});

describe('scoreModel', () => {
  it('gives test accuracy and mean cross-entropy, whatever the batch size', async () => {
    const { Tensor } = await import('onnxruntime-node');
    // The first ten pixels are the logits, so that each image says what it scores.
    const model = {
      async run({ images }: Readonly<Record<string, InstanceType<typeof Tensor>>>) {
        const [count = 0] = images?.dims ?? [];
        const pixels = images?.data as Float32Array;
        const logits = new Float32Array(count * 10);
        for (let row = 0; row < count; row += 1)
          logits.set(pixels.subarray(row * 784, row * 784 + 10), row * 10);
        return { logits: new Tensor('float32', logits, [count, 10]) };
      },
    };
    const pairs = [[3, 3], [9, 9], [0, 1], [5, 5], [7, 6]] as const; // prettier-ignore
    const images = new Float32Array(pairs.length * 784);
    pairs.forEach(([shown], row) => images.fill(1, row * 784 + shown, row * 784 + shown + 1));
    const digits = {
      images,
      labels: Uint8Array.from(pairs, ([, label]) => label),
      count: pairs.length,
    };
    const logSum = Math.log(Math.E + 9);
    for (const batchSize of [1, 2, 5, 500]) {
      const { accuracy, loss } = await scoreModel(model, digits, batchSize);
      expect(accuracy).toBe(0.6);
      expect(loss).toBeCloseTo((3 * (logSum - 1) + 2 * logSum) / 5, 6);
    }
  });
});
