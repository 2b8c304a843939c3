import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import type { Digits } from '../src/data/mnist.js';
import { createNetwork } from '../src/tfjs/network.js';
import { crossEntropy, scoreModel } from '../src/tfjs/score.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function weightsOf(seed: number): number[][] {
  const model = createNetwork(tf, seed);
  const weights = model.getWeights().map((weight) => [...weight.dataSync()]);
  model.dispose();
  return weights;
}

describe('createNetwork', () => {
  it('turns images into ten logits', () => {
    const convolution = ['Conv2D', 'BatchNormalization', 'ReLU', 'MaxPooling2D'];
    const model = createNetwork(tf, 1);
    expect(model.outputShape).toEqual([null, 10]);
    expect(model.layers.map((layer) => layer.getClassName())).toEqual([
      ...convolution,
      ...convolution,
      'Flatten',
      'Dense',
      'Dense',
    ]);
    model.dispose();
  });

  it('starts from the same weights for the same seed, and from others for another', () => {
    const weights = weightsOf(1);
    expect(weightsOf(1)).toEqual(weights);
    expect(weightsOf(2)).not.toEqual(weights);
  });

  it('takes seed 0 for a seed as good as any', () => {
    expect(weightsOf(0)).toEqual(weightsOf(0));
  });
});

describe('scoreModel', () => {
  /** Gives the first ten pixels as logits, so that each image says what it scores. */
  function pixelModel(): tf.LayersModel {
    return tf.sequential({
      layers: [
        tf.layers.flatten({ inputShape: [28, 28, 1] }),
        tf.layers.dense({
          units: 10,
          useBias: false,
          weights: [tf.eye(784, 10)],
        }),
      ],
    });
  }

  /** Images whose pixel of digit `shown` is 1, with labels. */
  function digitsOf(pairs: readonly (readonly [shown: number, label: number])[]): Digits {
    const images = new Float32Array(pairs.length * 784);
    pairs.forEach(([shown], row) => {
      images[row * 784 + shown] = 1;
    });
    return { images, labels: Uint8Array.from(pairs, ([, label]) => label), count: pairs.length };
  }

  it('gives test accuracy and mean cross-entropy, whatever the batch size', async () => {
    const model = pixelModel();
    const digits = digitsOf([[3, 3], [9, 9], [0, 1], [5, 5], [7, 6]]); // prettier-ignore
    const logSum = Math.log(Math.E + 9);
    const expected = (3 * (logSum - 1) + 2 * logSum) / 5;
    const before = tf.memory().numTensors;
    for (const batchSize of [1, 2, 5, 500]) {
      const { accuracy, loss } = await scoreModel(tf, model, digits, batchSize);
      expect(accuracy).toBe(0.6);
      expect(loss).toBeCloseTo(expected, 6);
    }
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });
});

describe('crossEntropy', () => {
  it('is ln 10 where the network knows nothing', () => {
    const loss = tf.tidy(
      () => crossEntropy(tf, tf.tensor1d([4, 2], 'int32'), tf.zeros([2, 10])).dataSync()[0],
    );
    expect(loss).toBeCloseTo(Math.log(10), 6);
  });
});
