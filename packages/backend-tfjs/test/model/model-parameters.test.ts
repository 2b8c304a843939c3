// Names of parameters that outlast saving, and what counts as a parameter.
import { modelParameters, tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
import { AveragedModel } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

const { layers } = tf;

function names(model: tf.LayersModel): readonly string[] {
  return modelParameters(model).map(({ name }) => name);
}

async function reloaded(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts = {};
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return tf.loadLayersModel(tf.io.fromMemory(saved));
}

function nested(): tf.LayersModel {
  const inner = tf.sequential({
    layers: [layers.dense({ units: 3, inputShape: [4] }), layers.batchNormalization({})],
  });
  const input = tf.input({ shape: [6, 4] });
  const shared = layers.dense({ units: 4, name: 'shared' });
  let x = shared.apply(shared.apply(input));
  x = layers.timeDistributed({ layer: inner }).apply(x);
  x = layers.bidirectional({ layer: layers.lstm({ units: 2 }), mergeMode: 'concat' }).apply(x);
  return tf.model({
    inputs: input,
    outputs: layers.dense({ units: 1 }).apply(x) as tf.SymbolicTensor,
  });
}

describe('modelParameters', () => {
  useRuntime('cpu');

  it('gives the trainable weights and not the moving statistics', () => {
    const model = tf.sequential({
      layers: [
        layers.dense({ units: 2, inputShape: [3], name: 'first' }),
        layers.batchNormalization({ name: 'norm' }),
      ],
    });
    expect(names(model)).toEqual(['first/kernel', 'first/bias', 'norm/gamma', 'norm/beta']);
  });

  it('keeps names of a nested model with shared layers when it is saved and loaded', async () => {
    const model = nested();
    const loaded = await reloaded(model);
    expect(names(model)).toHaveLength(14);
    expect(new Set(names(model)).size).toBe(14);
    expect(names(loaded)).toEqual(names(model));
    expect(loaded.trainableWeights.map(({ name }) => name)).not.toEqual(names(model));
  });

  it('numbers weights that share a name in the order of the model', () => {
    const inner = tf.sequential({
      layers: [layers.dense({ units: 2, inputShape: [2], name: 'head' })],
    });
    const model = tf.sequential({ layers: [inner, layers.dense({ units: 1, name: 'head' })] });
    expect(names(model)).toEqual(['head/kernel', 'head/bias', 'head/kernel#2', 'head/bias#2']);
    inner.trainable = false;
    inner.layers.forEach((layer) => {
      layer.trainable = false;
    });
    expect(names(model)).toEqual(['head/kernel#2', 'head/bias#2']);
  });

  it('refuses a model without weights to train: all frozen, or none at all', () => {
    const model = tf.sequential({
      layers: [layers.dense({ units: 2, inputShape: [3], trainable: false })],
    });
    const bare = tf.sequential({ layers: [layers.reLU({ inputShape: [2] })] });
    for (const each of [model, bare]) {
      expect(() => modelParameters(each)).toThrow(
        expect.objectContaining({
          code: 'ERR_PARAMETERS',
          message: expect.stringMatching(/no trainable weights, .* Unfreeze a layer/u) as string,
        }) as Error,
      );
    }
  });

  it('gives the variables themselves, and sets them', () => {
    const model = tf.sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })] });
    const [kernel] = modelParameters(model);
    expect(kernel?.get()).toBe(model.trainableWeights[0]?.read());
    const seven = tf.tensor2d([[7]]);
    void kernel?.set(seven);
    seven.dispose();
    expect(model.trainableWeights[0]?.read().dataSync()[0]).toBe(7);
  });

  it('gives a layer that two nested models share once', () => {
    const shared = layers.dense({ units: 2 });
    const inputs = [tf.input({ shape: [2] }), tf.input({ shape: [2] })];
    const branches = inputs.map((input) =>
      tf.sequential({ layers: [layers.inputLayer({ inputShape: [2] }), shared] }).apply(input),
    );
    const outputs = layers.add().apply(branches as tf.SymbolicTensor[]) as tf.SymbolicTensor;
    expect(modelParameters(tf.model({ inputs, outputs }))).toHaveLength(2);
  });
});

describe('the identity of a parameter', () => {
  useRuntime('cpu');

  it('is the variable, whoever asks for it, and the parameters are the same each time', () => {
    const model = tf.sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })] });
    const [first, again] = [modelParameters(model), modelParameters(model)];
    first.forEach((parameter, index) => {
      expect(again[index]).toBe(parameter);
      expect(parameter.identity).toBe(model.trainableWeights[index]?.read());
    });
    const kernel = first[0]?.get() as tf.Variable;
    expect(variableParameters({ own: kernel })[0]?.identity).toBe(kernel);
  });

  it('finds a layer that was frozen or thawed since, and names its weights', async () => {
    const head = layers.dense({ name: 'top', units: 1, inputShape: [2] });
    const model = tf.sequential({ layers: [head, layers.dense({ name: 'last', units: 1 })] });
    const ema = new AveragedModel(() => modelParameters(model), { backend: tfjsBackend(tf) });
    await ema.update();
    head.trainable = false;
    await expect(ema.update()).rejects.toThrow(/"top\/kernel", "top\/bias" gone/);
    head.trainable = true;
    await ema.update();
    expect(ema.nAvg).toBe(2);
    await ema.dispose();
  });

  it('is what models and variables have; anything else is refused by a TypeError', () => {
    const notModel = tf.layers.dense({ units: 1 }) as unknown as tf.LayersModel;
    for (const other of [undefined, {} as tf.LayersModel, notModel]) {
      expect(() => modelParameters(other as tf.LayersModel)).toThrow(/is not a tf.LayersModel/);
    }
    for (const [found, none] of Object.entries({ undefined: undefined, null: null })) {
      expect(() => variableParameters(none as unknown as Record<string, tf.Variable>)).toThrow(
        `variableParameters: the variables are ${found}, expected them by name`,
      );
    }
    const constant = tf.scalar(1) as unknown as tf.Variable;
    for (const other of [undefined, constant]) {
      expect(() => variableParameters({ w: other as tf.Variable })).toThrow(
        /"w" is not a tf\.Variable/,
      );
    }
  });
});

describe('variableParameters', () => {
  it('names variables by their keys', () => {
    const weight = tf.variable(tf.scalar(1));
    const [parameter] = variableParameters({ weight });
    expect(parameter?.name).toBe('weight');
    expect(parameter?.get()).toBe(weight);
  });
});
