// The forward passes of a batch-norm update: their batches and their mode, and what is refused.
import { batchNormModel, swaCallback } from '@polyak/backend-tfjs';
import type { InputBatch } from '@polyak/backend-tfjs';
import { bnUpdate } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { exact, moments, only, relativeError, values } from './moments.js';

const { layers } = tf;

describe.each(RUNTIMES)('batchNormModel on %s', (runtime) => {
  useRuntime(runtime);

  it('turns dropout off, and on where asked to', async () => {
    const model = tf.sequential({
      layers: [
        layers.dropout({ rate: 0.5, inputShape: [4], seed: 1 }),
        layers.batchNormalization({}),
      ],
    });
    const x = tf.ones([64, 4]);
    const [off] = await moments(batchNormModel(tf, model), x);
    const [on] = await moments(batchNormModel(tf, model, { training: true }), x);
    expect([...(off?.variance ?? [])]).toEqual([0, 0, 0, 0]);
    on?.variance.forEach((value) => expect(value).toBeGreaterThan(0.5));
    x.dispose();
  });

  it('takes the batches of tfjs loops, and does not dispose of them', async () => {
    const inputs = [
      tf.input({ shape: [2], name: 'left' }),
      tf.input({ shape: [2], name: 'right' }),
    ];
    const sum = layers.add().apply(inputs) as tf.SymbolicTensor;
    const model = tf.model({
      inputs,
      outputs: layers.batchNormalization({}).apply(sum) as tf.SymbolicTensor,
    });
    const [left, right, y] = [values([4, 2], 1), values([4, 2], 2), tf.zeros([4, 1])];
    const batchNorm = batchNormModel(tf, model);
    const total = tf.add(left, right);
    const expected = await exact(total, -1);
    const batches: readonly InputBatch[] = [
      [[left, right], y],
      { xs: [left, right], ys: y },
      { xs: { right, left }, ys: y },
    ];
    for (const batch of batches) {
      expect(relativeError((await moments(batchNorm, batch))[0], expected)).toBeLessThan(1e-5);
      expect(batchNorm.sampleCount(batch)).toBe(4);
    }
    for (const [bad, found] of [
      [[left, y], 1],
      [{ left, right }, 0],
      [{ xs: { left } }, 1],
      [[], 0],
      [7, 0],
      [null, 0],
    ] as unknown as [InputBatch, number][]) {
      expect(() => batchNorm.sampleCount(bad)).toThrow(
        `${found} tensors for the 2 inputs of the model, [left, right]`,
      );
    }
    tf.dispose([left, right, y, total]);
  });

  it('ends the pass after the last of the layers, and leaves no tensor behind', async () => {
    const model = tf.sequential({
      layers: [
        layers.batchNormalization({ inputShape: [2] }),
        layers.reLU(),
        layers.batchNormalization({}),
        layers.dense({ units: 3 }),
      ],
    });
    const ran: string[] = [];
    for (const layer of model.layers) {
      const call = layer.call.bind(layer);
      layer.call = (inputs, options) => {
        ran.push(layer.getClassName());
        return call(inputs, options);
      };
    }
    const x = values([8, 2], 1);
    const batchNorm = batchNormModel(tf, model);
    const { numTensors } = tf.memory();
    await batchNorm.batchMoments(x, batchNorm.layers);
    expect(ran).toEqual(['ReLU']);
    await batchNorm.batchMoments(x, batchNorm.layers.slice(0, 1));
    expect(ran).toEqual(['ReLU']);
    expect(tf.memory().numTensors).toBe(numTensors);
    x.dispose();
  });

  it('does not end the pass before a wrapper has called the same layer again', async () => {
    const input = tf.input({ shape: [3, 2] });
    const shared = layers.batchNormalization({});
    const inner = shared.apply(input) as tf.SymbolicTensor;
    const outer = layers.timeDistributed({ layer: shared }).apply(inner) as tf.SymbolicTensor;
    const x = values([8, 3, 2], 1);
    const [found] = await moments(
      batchNormModel(tf, tf.model({ inputs: input, outputs: outer })),
      x,
    );
    expect(found?.count).toBe(48);
    x.dispose();
  });

  it('takes integers for numbers', async () => {
    const input = tf.input({ shape: [2], dtype: 'int32' });
    const output = layers.batchNormalization({}).apply(input) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: output });
    const x = tf.tensor2d([1, 2, 3, 6], [2, 2], 'int32');
    const [found] = await moments(batchNormModel(tf, model), x);
    expect([found?.mean, found?.variance]).toEqual([Float64Array.of(2, 4), Float64Array.of(1, 4)]);
    x.dispose();
  });

  it('takes batches of any type with forward, and refuses an asynchronous one', async () => {
    const model = only(layers.batchNormalization({ inputShape: [2] }));
    const x = values([4, 2], 1);
    const batchNorm = batchNormModel(tf, model, {
      forward: ({ image }: { image: tf.Tensor }) => model.apply(image),
      sampleCount: ({ image }) => image.shape[0] ?? 0,
    });
    expect(
      relativeError((await moments(batchNorm, { image: x }))[0], await exact(x, -1)),
    ).toBeLessThan(1e-5);
    const late = batchNormModel(tf, model, {
      forward: async () => Promise.reject(new Error('late')),
      sampleCount: () => 1,
    });
    await expect(moments(late, x)).rejects.toThrow(TypeError);
    x.dispose();
  });
});

describe('batchNormModel', () => {
  useRuntime('cpu');

  it('refuses options that it does not know, or that do not go together', () => {
    const model = only(layers.batchNormalization({ inputShape: [2] }));
    const forward = (): void => {};
    for (const [options, message] of [
      [{ trainig: true }, /there is no option "trainig". Expected \{ training \}/u],
      [{ forward, sampleCount: () => 1, training: true }, /there is no option "training"/u],
      [{ forward }, /sampleCount is undefined, expected a function/u],
      [{ sampleCount: () => 1 }, /there is no option "sampleCount"/u],
      [null, /the options are null/u],
    ] as [object, RegExp][]) {
      expect(() => batchNormModel(tf, model, options)).toThrow(TypeError);
      expect(() => batchNormModel(tf, model, options)).toThrow(message);
    }
  });

  it('refuses stateful layers beside batch norm, whose states a pass would change', () => {
    const rnn = layers.simpleRNN({ units: 2, stateful: true, batchInputShape: [1, 3, 2] });
    const model = tf.sequential({ layers: [rnn, layers.batchNormalization({})] });
    expect(() => batchNormModel(tf, model)).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as Error,
    );
  });

  it('takes stateful layers without batch norm: there is no pass', async () => {
    const model = tf.sequential({
      layers: [layers.simpleRNN({ units: 2, stateful: true, batchInputShape: [1, 3, 2] })],
    });
    const batchNorm = batchNormModel(tf, model);
    await bnUpdate([], batchNorm);
    expect(batchNorm.layers).toEqual([]);

    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const callbacks = swaCallback(tf, model, { swaStart: 0, swaFreq: 1 });
    const [x, y] = [values([1, 3, 2], 1), tf.zeros([1, 2])];
    await model.fit(x, y, { batchSize: 1, epochs: 2, callbacks, verbose: 0 });
    expect(callbacks.swa.paramGroups[0]?.nAvg).toBe(2);
    tf.dispose([x, y]);
  });

  it('says which layers are frozen, and tfjs moves their statistics all the same', async () => {
    const bn = layers.batchNormalization({ inputShape: [1], trainable: false, momentum: 0.5 });
    const model = tf.sequential({ layers: [bn, layers.dense({ units: 1 })] });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const [x, y] = [tf.tensor2d([[1], [5]]), tf.zeros([2, 1])];
    await model.fit(x, y, { batchSize: 2, epochs: 1, verbose: 0 });
    const batchNorm = batchNormModel(tf, model);
    expect(batchNorm.layers.map(({ trainable }) => trainable)).toEqual([false]);
    const moved = await batchNorm.layers[0]?.read();
    expect([moved?.mean, moved?.variance]).toEqual([Float64Array.of(1.5), Float64Array.of(2.5)]);
    // Left out, they stay what they are, and no batch is read.
    await bnUpdate([], batchNorm, { include: (layer) => layer.trainable });
    expect(await batchNorm.layers[0]?.read()).toEqual(moved);
    tf.dispose([x, y]);
  });

  it('refuses layers of another model, and layers that the pass did not run', async () => {
    const [model, other] = [1, 2].map(() => only(layers.batchNormalization({ inputShape: [2] })));
    const batchNorm = batchNormModel(tf, model as tf.LayersModel, {
      forward: () => undefined,
      sampleCount: () => 1,
    });
    const { layers: foreign } = batchNormModel(tf, other as tf.LayersModel);
    await expect(batchNorm.batchMoments(undefined, foreign)).rejects.toThrow(
      /is not one of the layers of this batchNormModel/u,
    );
    await expect(moments(batchNorm, undefined)).rejects.toMatchObject({
      code: 'ERR_BATCH_NORM',
      message: expect.stringMatching(/did not run the layer ".+", expected one call.*forward/u),
    });
  });

  it('puts back a call that someone else had put on the layer', async () => {
    const model = only(layers.batchNormalization({ inputShape: [2] }));
    const layer = model.layers[0] as tf.layers.Layer;
    const call = layer.call.bind(layer);
    layer.call = call;
    await moments(batchNormModel(tf, model), tf.ones([2, 2]));
    expect(Object.getOwnPropertyDescriptor(layer, 'call')?.value).toBe(call);
  });
});
