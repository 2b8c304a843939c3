// Converted models: their weights are constants of a graph, which can be exchanged all the same.
import { modelParameters, tfjsBackend } from '@polyak/backend-tfjs';
import { AveragedModel, ParameterSet } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

interface Constant {
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

const KERNEL: Constant = {
  name: 'dense/kernel',
  dtype: 'float32',
  shape: [2, 1],
  data: Float32Array.of(2, 3),
};
const BIAS: Constant = {
  name: 'dense/bias',
  dtype: 'float32',
  shape: [1],
  data: Float32Array.of(0.5),
};
const AXIS: Constant = { name: 'axis', dtype: 'int32', shape: [], data: Int32Array.of(0) };

const DTYPES = { float32: 'DT_FLOAT', int32: 'DT_INT32' };

/** The sum over the batch of `x @ kernel + bias`, as `tensorflowjs_converter` writes a graph. */
async function graphModel(constants = [KERNEL, BIAS, AXIS]): Promise<tf.GraphModel> {
  const type = { type: DTYPES.float32 };
  const no = { b: false };
  const constantNodes = constants.map(({ name, dtype, shape }) => ({
    name,
    op: 'Const',
    attr: {
      dtype: { type: DTYPES[dtype] },
      value: {
        tensor: { dtype: DTYPES[dtype], tensorShape: { dim: shape.map((size) => ({ size })) } },
      },
    },
  }));
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: type } },
    ...constantNodes,
    {
      name: 'product',
      op: 'MatMul',
      input: ['x', 'dense/kernel'],
      attr: { transpose_a: no, transpose_b: no, T: type },
    },
    { name: 'sum', op: 'BiasAdd', input: ['product', 'dense/bias'], attr: { T: type } },
    { name: 'y', op: 'Sum', input: ['sum', 'axis'], attr: { keep_dims: no, T: type } },
  ];
  const bytes = constants.flatMap(({ data }) => [...new Uint8Array(data.buffer)]);
  return tf.loadGraphModel(
    tf.io.fromMemory({
      format: 'graph-model',
      modelTopology: { node, versions: {} },
      weightSpecs: constants.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] })),
      weightData: Uint8Array.from(bytes).buffer,
    }),
  );
}

function output(model: tf.GraphModel): number {
  return tf.tidy(() => {
    const x = tf.tensor2d([1, 1, 2, 1], [2, 2]);
    const y = model.predict(x) as tf.Tensor;
    return y.dataSync()[0] ?? NaN;
  });
}

describe.each(RUNTIMES)('modelParameters of a graph model on %s', (runtime) => {
  useRuntime(runtime);

  it('gives the float weights, the same each time, and the model computes as before', async () => {
    const before = tf.memory().numTensors;
    const model = await graphModel();
    const loaded = tf.memory().numTensors;
    expect(output(model)).toBe(3 * 2 + 2 * 3 + 2 * 0.5);
    const parameters = modelParameters(model);
    expect(parameters.map(({ name }) => name)).toEqual(['dense/kernel', 'dense/bias']);
    modelParameters(model).forEach((again, index) => expect(again).toBe(parameters[index]));
    expect(output(model)).toBe(13);
    expect(tf.memory().numTensors).toBe(loaded);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('puts weights and averages into the model, and takes them back', async () => {
    const model = await graphModel();
    const backend = tfjsBackend(tf);
    const before = tf.memory().numTensors;
    const weights = new ParameterSet(modelParameters(model), { backend });
    const ema = new AveragedModel(modelParameters(model), { backend });
    await ema.update();
    const state = await weights.read();
    await weights.write({
      ...state,
      'dense/kernel': { dtype: 'float32', shape: [2, 1], data: Float32Array.of(4, 5) },
    });
    expect(output(model)).toBe(3 * 4 + 2 * 5 + 1);
    await ema.update();
    await ema.withAveraged(async () => {
      expect(output(model)).toBe(3 * 3 + 2 * 4 + 1);
      // Its asynchronous way frees what is not a weight.
      const x = tf.ones([1, 2]);
      const [first, second] = [await model.executeAsync(x), await model.executeAsync(x)];
      expect((second as tf.Tensor).dataSync()[0]).toBe(3 + 4 + 0.5);
      tf.dispose([x, first, second]);
    });
    expect(output(model)).toBe(23);
    await ema.dispose();
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('leaves its weights out of what tfjs trains without a list', async () => {
    const model = await graphModel();
    modelParameters(model);
    const own = tf.variable(tf.scalar(1), true, `own-${runtime}`);
    const x = tf.ones([2, 2]);
    const { value, grads } = tf.variableGrads(() =>
      tf.mul(own, tf.sum(model.predict(x) as tf.Tensor)),
    );
    expect(Object.keys(grads)).toEqual([own.name]);
    tf.dispose([x, value]);
    tf.dispose([grads, own]);
    model.dispose();
  });
});
