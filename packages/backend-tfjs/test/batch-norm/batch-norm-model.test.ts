// Moments of what enters batch-norm layers, in every kind of model, and that nothing else changes.
import { batchNormModel } from '@polyak/backend-tfjs';
import { bnUpdate } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { exact, moments, only, relativeError, values, weightsOf } from './moments.js';

const { layers } = tf;

describe.each(RUNTIMES)('batchNormModel on %s', (runtime) => {
  useRuntime(runtime);

  it.each([
    ['dense', [64, 5], -1],
    ['convolution', [16, 12, 12, 6], -1],
    ['convolution, channels first', [8, 6, 12, 10], 1],
    ['sequence', [6, 5000, 3], 2],
    ['volume', [4, 5, 6, 7, 3], -1],
    ['volume, channels in the middle', [4, 5, 3, 6, 7], -3],
    ['a batch of 50,000 rows', [50_000, 2], -1],
  ])('agrees with float64 on %s, with a mean of 100', async (_, shape, axis) => {
    const model = only(layers.batchNormalization({ axis, inputShape: shape.slice(1) }));
    const x = values(shape, 1);
    const [found] = await moments(batchNormModel(tf, model), x);
    expect(relativeError(found, await exact(x, axis))).toBeLessThan(1e-5);
    x.dispose();
  });

  it('normalizes as tfjs does in training', async () => {
    const model = tf.sequential({
      layers: [
        layers.batchNormalization({
          inputShape: [7, 7, 4],
          betaInitializer: tf.initializers.randomNormal({ seed: 1 }),
          gammaInitializer: tf.initializers.randomNormal({ seed: 2, mean: 1 }),
          name: 'first',
        }),
        layers.conv2d({
          filters: 3,
          kernelSize: 3,
          kernelInitializer: tf.initializers.randomNormal({ seed: 3 }),
        }),
        layers.batchNormalization({ name: 'second' }),
      ],
    });
    const x = values([8, 7, 7, 4], 2, 3);
    const [, found] = await moments(batchNormModel(tf, model), x);
    const trained = tf.tidy(() => {
      const first = model.getLayer('first').apply(x, { training: true }) as tf.Tensor;
      return tf.keep((model.layers[1] as tf.layers.Layer).apply(first) as tf.Tensor);
    });
    expect(relativeError(found, await exact(trained, -1))).toBeLessThan(3e-5);
    tf.dispose([x, trained]);
  });

  it('takes layers without scale or center, which tfjs cannot train', async () => {
    const model = tf.sequential({
      layers: [
        layers.batchNormalization({ scale: false, inputShape: [3] }),
        layers.batchNormalization({ center: false, momentum: 0.5 }),
        layers.batchNormalization({ scale: false, center: false }),
      ],
    });
    const x = values([32, 3], 1);
    const found = await moments(batchNormModel(tf, model), x);
    expect(relativeError(found[0], await exact(x, -1))).toBeLessThan(1e-5);
    for (const { mean, variance } of found.slice(1)) {
      mean.forEach((value) => expect(Math.abs(value)).toBeLessThan(1e-4));
      variance.forEach((value) => expect(value).toBeCloseTo(1, 2));
    }
    x.dispose();
  });

  it('leaves the model as it was, and no tensor behind', async () => {
    const model = only(layers.batchNormalization({ momentum: 0.9, inputShape: [3] }));
    const layer = model.layers[0] as tf.layers.Layer;
    const before = { weights: await weightsOf(model), keys: Object.keys(layer) };
    const x = values([32, 3], 1);
    const tensors = tf.memory();
    await moments(batchNormModel(tf, model), x);
    expect(tf.memory()).toMatchObject({
      numTensors: tensors.numTensors,
      numBytes: tensors.numBytes,
    });
    expect({ weights: await weightsOf(model), keys: Object.keys(layer) }).toEqual(before);
    expect(layer.getConfig()['momentum']).toBe(0.9);
    x.dispose();
  });

  it('leaves the model as it was where the forward pass throws midway', async () => {
    const model = tf.sequential({
      layers: [
        layers.batchNormalization({ inputShape: [3] }),
        layers.dense({ units: 2 }),
        layers.reLU(),
        layers.batchNormalization(),
      ],
    });
    const broken = model.layers[2] as tf.layers.Layer;
    broken.call = () => {
      throw new Error('broken layer');
    };
    const before = {
      weights: await weightsOf(model),
      keys: Object.keys(model.layers[0] as object),
    };
    const x = values([8, 3], 1);
    const tensors = tf.memory().numTensors;
    await expect(moments(batchNormModel(tf, model), x)).rejects.toThrow('broken layer');
    expect(tf.memory().numTensors).toBe(tensors);
    expect({
      weights: await weightsOf(model),
      keys: Object.keys(model.layers[0] as object),
    }).toEqual(before);
    x.dispose();
  });

  it('finds layers in nested models and wrappers, each once, by their paths', async () => {
    const inner = tf.sequential({
      name: 'inner',
      layers: [
        layers.dense({ units: 3, inputShape: [4] }),
        layers.batchNormalization({ name: 'norm' }),
      ],
    });
    const shared = layers.batchNormalization({ name: 'shared' });
    const input = tf.input({ shape: [6, 4] });
    const first = shared.apply(input);
    const second = shared.apply(layers.reLU().apply(first));
    const timed = layers.timeDistributed({ layer: inner, name: 'timed' }).apply(second);
    const model = tf.model({ inputs: input, outputs: timed as tf.SymbolicTensor });

    const batchNorm = batchNormModel(tf, model);
    expect(batchNorm.layers.map(({ name, channels }) => [name, channels])).toEqual([
      ['shared', 4],
      ['timed/inner/norm', 3],
    ]);
    const x = values([5, 6, 4], 1);
    const found = await moments(batchNorm, x);
    const outputs = tf.tidy(() => {
      const { mean, variance } = tf.moments(x, [0, 1]);
      const relu = tf.relu(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-3))));
      return tf.concat([x, relu]);
    });
    // Both calls of the shared layer together, and all six steps of the timed one.
    expect(relativeError(found[0], await exact(outputs, -1))).toBeLessThan(2e-5);
    expect(found[1]?.count).toBe(5 * 6);
    tf.dispose([x, outputs]);
  });

  it('lets layers that are left out use their running statistics, whatever the mode', async () => {
    const model = tf.sequential({
      layers: [
        layers.batchNormalization({ name: 'kept', inputShape: [2], epsilon: 0 }),
        layers.batchNormalization({ name: 'updated' }),
      ],
    });
    const x = values([16, 2], 1, 5);
    for (const training of [false, true]) {
      const batchNorm = batchNormModel(tf, model, { training });
      const before = await weightsOf(model);
      const [found] = await batchNorm.batchMoments(x, batchNorm.layers.slice(1));
      // Running mean 0 and variance 1 pass x on.
      expect(relativeError(found, await exact(x, -1))).toBeLessThan(1e-5);
      expect(await weightsOf(model)).toEqual(before);
    }
    x.dispose();
  });

  it('reports NaN, and bnUpdate refuses it by name', async () => {
    const model = only(layers.batchNormalization({ inputShape: [2], name: 'norm' }));
    const x = tf.tensor2d([
      [1, NaN],
      [3, 4],
    ]);
    const batchNorm = batchNormModel(tf, model);
    const [found] = await moments(batchNorm, x);
    expect(found?.mean[0]).toBe(2);
    expect(found?.mean[1]).toBeNaN();
    await expect(bnUpdate([x], batchNorm)).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_NON_FINITE',
        message: expect.stringContaining('"norm"') as string,
      }) as Error,
    );
    x.dispose();
  });

  it('gives the statistics that the model then predicts with', async () => {
    const model = tf.sequential({
      layers: [
        layers.dense({ units: 4, inputShape: [3] }),
        layers.batchNormalization({ epsilon: 0 }),
      ],
    });
    const batches = [values([32, 3], 1), values([16, 3], 2)];
    // Also from statistics that are broken.
    const broken = tf.tensor1d([NaN, NaN, NaN, NaN]);
    model.layers[1]?.setWeights([tf.ones([4]), tf.zeros([4]), broken, broken]);
    await bnUpdate(batches, batchNormModel(tf, model), { statistics: 'pooled' });
    const all = tf.concat(batches);
    const output = model.predict(all) as tf.Tensor;
    const { mean, variance } = await exact(output, -1);
    mean.forEach((value) => expect(Math.abs(value)).toBeLessThan(1e-3));
    variance.forEach((value) => expect(value).toBeCloseTo(1, 3));
    tf.dispose([...batches, all, output]);
  });

  it('reads and writes running statistics of the right length only', async () => {
    const [layer] = batchNormModel(tf, only(layers.batchNormalization({ inputShape: [2] }))).layers;
    await layer?.write({ mean: Float64Array.of(1, 2), variance: Float64Array.of(3, 4) });
    expect(await layer?.read()).toEqual({
      mean: Float64Array.of(1, 2),
      variance: Float64Array.of(3, 4),
    });
    expect(() => layer?.write({ mean: Float64Array.of(1), variance: Float64Array.of(1) })).toThrow(
      expect.objectContaining({ code: 'ERR_BATCH_NORM' }) as Error,
    );
  });
});
