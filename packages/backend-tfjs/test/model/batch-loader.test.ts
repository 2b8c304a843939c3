// Datasets and generator functions as loaders: each pass reads them anew and frees their tensors.
import {
  batchLoader,
  batchNormModel,
  modelParameters,
  swaCallback,
  tfjsBackend,
} from '@polyak/backend-tfjs';
import type { BatchSource, InputBatch } from '@polyak/backend-tfjs';
import { AveragedModel, bnUpdate } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

const ROWS = [[1], [3], [5], [7], [20]];

function batchNormOnly(): tf.LayersModel {
  return tf.sequential({ layers: [tf.layers.batchNormalization({ name: 'bn', inputShape: [1] })] });
}

function statistics(model: tf.LayersModel): readonly number[] {
  return model.getWeights().map((weight) => weight.dataSync()[0] ?? NaN);
}

function dataset(): tf.data.Dataset<tf.TensorContainer> {
  const rows = tf.data.array(ROWS);
  return tf.data.zip({ xs: rows, ys: rows }).batch(2);
}

function* generator(): Generator<InputBatch> {
  for (const rows of [ROWS.slice(0, 2), ROWS.slice(2, 4), ROWS.slice(4)]) {
    yield [tf.tensor2d(rows), tf.zeros([rows.length, 1])];
  }
}

const SOURCES: readonly [string, () => BatchSource<InputBatch>][] = [
  ['a dataset of { xs, ys }', dataset],
  ['a dataset of tensors', () => tf.data.array(ROWS).batch(2)],
  ['a dataset with prefetch', () => dataset().prefetch(2)],
  ['a generator function', () => generator],
  [
    'an asynchronous generator function',
    () =>
      async function* () {
        for (const batch of generator()) yield await Promise.resolve(batch);
      },
  ],
  ['a function that resolves to a list', () => async () => [...generator()]],
];

describe.each(RUNTIMES)('batchLoader on %s', (runtime) => {
  useRuntime(runtime);

  it.each(SOURCES)('reads %s anew at each pass, and leaves no tensor', async (_, make) => {
    const model = batchNormOnly();
    const kept = ROWS.map((row) => tf.tensor2d([row]));
    await bnUpdate(kept, batchNormModel(tf, model), { statistics: 'pooled' });
    const expected = statistics(model);
    tf.dispose(kept);
    const before = tf.memory().numTensors;
    const loader = batchLoader(tf, make());
    for (let pass = 0; pass < 3; pass += 1) {
      const start = [1, 0, 0, 1].map((value) => tf.tensor1d([value]));
      model.setWeights(start);
      tf.dispose(start);
      await bnUpdate(loader, batchNormModel(tf, model), { statistics: 'pooled' });
      statistics(model).forEach((value, n) => expect(value).toBeCloseTo(expected[n] ?? NaN, 5));
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('updates batch norm in withAveraged, each time from all batches', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 2, inputShape: [1] }),
        tf.layers.batchNormalization({ name: 'bn' }),
      ],
    });
    const ema = new AveragedModel(modelParameters(model), { backend: tfjsBackend(tf) });
    await ema.update();
    const batchNorm = { model: batchNormModel(tf, model), loader: batchLoader(tf, dataset()) };
    const before = tf.memory().numTensors;
    const [first, second] = [
      await ema.withAveraged(() => statistics(model), { batchNorm }),
      await ema.withAveraged(() => statistics(model), { batchNorm }),
    ];
    expect(second).toEqual(first);
    expect(first).not.toEqual(statistics(model));
    expect(tf.memory().numTensors).toBe(before);
    await ema.dispose();
  });

  it('feeds swaCallback in fitDataset, at each evaluation and at the end', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 2, inputShape: [1] }),
        tf.layers.batchNormalization({ name: 'bn' }),
        tf.layers.dense({ units: 1 }),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(1e-4), loss: 'meanSquaredError' });
    let passes = 0;
    const loader = batchLoader(tf, () => {
      passes += 1;
      return generator();
    });
    const callback = swaCallback(tf, model, {
      swaStart: 0,
      swaFreq: 1,
      unit: 'epoch',
      loader,
      evaluate: () => ({}),
    });
    const fit = async (): Promise<number> => {
      await model.fitDataset(dataset(), { epochs: 2, callbacks: callback, verbose: 0 });
      return tf.memory().numTensors;
    };
    const tensors = await fit();
    expect(passes).toBeGreaterThanOrEqual(2 + 1);
    expect(await fit()).toBe(tensors);
    await callback.restoreLive();
    await callback.swa.dispose();
  });

  it('frees the batch at hand where a pass ends early or fails', async () => {
    const model = batchNormOnly();
    const batchNorm = batchNormModel(tf, model);
    const failing = batchNormModel(tf, model, {
      forward: () => {
        throw new Error('no forward pass');
      },
      sampleCount: () => 1,
    });
    const before = tf.memory().numTensors;
    for (const source of [dataset(), generator]) {
      await bnUpdate(batchLoader(tf, source), batchNorm, { maxBatches: 1 });
      expect(tf.memory().numTensors).toBe(before);
      await expect(bnUpdate(batchLoader(tf, source), failing)).rejects.toThrow('no forward pass');
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it('names what an empty dataset and a batch of something else lack', async () => {
    const batchNorm = batchNormModel(tf, batchNormOnly());
    const empty = tf.data.array([] as number[][]).batch(2);
    await expect(bnUpdate(batchLoader(tf, empty), batchNorm)).rejects.toMatchObject({
      code: 'ERR_EMPTY_LOADER',
    });
    const named = tf.data.zip({ image: tf.data.array(ROWS) }).batch(2);
    await expect(bnUpdate(batchLoader(tf, named), batchNorm)).rejects.toThrow(
      /has 0 tensors for the 1 inputs of the model, \[.*\]. Pass a tensor, /u,
    );
  });

  it('refuses what is not a source, one that can be read once only too', async () => {
    const once = generator();
    for (const [other, message] of [
      [undefined, /the source is undefined, expected a tf\.data\.Dataset or a generator function/u],
      [null, /the source is null/u],
      [[], /An array of batches is a loader itself/u],
      [once, /the source is object, expected a tf\.data\.Dataset or a generator function/u],
    ] as [unknown, RegExp][]) {
      expect(() => batchLoader(tf, other as BatchSource<InputBatch>)).toThrow(TypeError);
      expect(() => batchLoader(tf, other as BatchSource<InputBatch>)).toThrow(message);
    }
    const batchNorm = batchNormModel(tf, batchNormOnly());
    const nothing = (() => undefined) as unknown as BatchSource<InputBatch>;
    await expect(bnUpdate(batchLoader(tf, nothing), batchNorm)).rejects.toThrow(
      /the function returned undefined, expected an iterable of batches/u,
    );
  });
});
