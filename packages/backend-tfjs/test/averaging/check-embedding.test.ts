// checkEmbedding on tfjs, whose tensors are handles that someone has to dispose of.
import { modelParameters, tfjsBackend } from '@polyak/backend-tfjs';
import { checkEmbedding } from '@polyak/core/embedding';
import type { Parameter } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

/** A framework over tfjs that holds plain tensors, not variables. */
class Layer {
  weight = tf.tensor1d([1, -2]);

  predict(): Float32Array {
    return tf.tidy(() => this.weight.mul(3).dataSync<'float32'>());
  }
}

/** The parameter of a layer, with a `set` of its own. */
function parametersOf(layer: Layer, set: (tensor: tf.Tensor1D) => void): Parameter<tf.Tensor>[] {
  return [
    {
      name: 'weight',
      identity: layer,
      get: () => layer.weight,
      set,
    },
  ];
}

describe.each(RUNTIMES)('on tfjs %s', (runtime) => {
  useRuntime(runtime);

  it('passes a Keras model, and leaves as many tensors as there were', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 3, inputShape: [2], activation: 'relu' }),
        tf.layers.batchNormalization(),
        tf.layers.dense({ units: 2 }),
      ],
    });
    const input = tf.tensor2d([1, -2, 0.5, 3], [2, 2]);
    const values = (): Float32Array[] =>
      model.getWeights().map((weight) => weight.dataSync<'float32'>().slice());
    const [before, tensors] = [values(), tf.memory().numTensors];
    await checkEmbedding(() => modelParameters(model), {
      backend: tfjsBackend(tf),
      predict: () => tf.tidy(() => (model.predict(input) as tf.Tensor).dataSync<'float32'>()),
    });
    expect(values()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
    input.dispose();
  });

  it('passes a set that takes one more reference', async () => {
    const layer = new Layer();
    const tensors = tf.memory().numTensors;
    const parameters = parametersOf(layer, (tensor) => {
      layer.weight.dispose();
      layer.weight = tensor.clone();
    });
    await checkEmbedding(parameters, { backend: tfjsBackend(tf), predict: () => layer.predict() });
    expect([...layer.weight.dataSync()]).toEqual([1, -2]);
    expect(tf.memory().numTensors).toBe(tensors);
    layer.weight.dispose();
  });

  it('names a set that keeps the handle that it is given', async () => {
    const layer = new Layer();
    const parameters = parametersOf(layer, (tensor) => {
      layer.weight = tensor;
    });
    const options = { backend: tfjsBackend(tf), predict: () => layer.predict() };
    await expect(checkEmbedding(parameters, options)).rejects.toThrow(
      'set of "weight" keeps the tensor that it is given, whose owner may dispose of it',
    );
    expect([...layer.weight.dataSync()]).toEqual([1, -2]);
  });

  it('names a set that disposes of the handle that it is given', async () => {
    const layer = new Layer();
    const tensors = tf.memory().numTensors;
    const parameters = parametersOf(layer, (tensor) => {
      layer.weight.dispose();
      layer.weight = tensor.clone();
      tensor.dispose();
    });
    const options = { backend: tfjsBackend(tf), predict: () => layer.predict() };
    await expect(checkEmbedding(parameters, options)).rejects.toThrow(
      'set of "weight" disposes of the tensor that it is given',
    );
    expect([...layer.weight.dataSync()]).toEqual([1, -2]);
    expect(tf.memory().numTensors).toBe(tensors);
    layer.weight.dispose();
  });

  it('names a handle that was disposed of', async () => {
    const layer = new Layer();
    layer.weight.dispose();
    const parameters = parametersOf(layer, () => {});
    const options = { backend: tfjsBackend(tf), predict: () => layer.predict() };
    await expect(checkEmbedding(parameters, options)).rejects.toThrow(
      'get of "weight" returns no tensor that can be read',
    );
  });
});
