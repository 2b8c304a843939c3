import { batchNormModel, swaCallback } from '@polyak/backend-tfjs';
import type { SwaCallback, SwaCallbackOptions } from '@polyak/backend-tfjs';
import { bnUpdate, fromSafetensors, toSafetensors } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import {
  allWeightsOf,
  compiledModel,
  data,
  loaded,
  mean,
  saved,
  SAMPLES,
  weightsOf,
} from '../training/training.js';
import { batches, FIT, train } from './fit.js';

function start(options: SwaCallbackOptions): {
  model: tf.LayersModel;
  callbacks: SwaCallback;
  loader: tf.Tensor[];
} {
  const model = compiledModel();
  const { x, y } = data();
  y.dispose();
  const loader = tf.split(x, 2);
  x.dispose();
  return { model, loader, callbacks: swaCallback(tf, model, { loader, ...options }) };
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  expected.forEach((value, index) => expect(found[index]).toBeCloseTo(value, 5));
}

describe.each(RUNTIMES)('swaCallback on %s', (runtime) => {
  useRuntime(runtime);

  it('averages by epochs, and leaves averages and updated batch norm in the model', async () => {
    const { model, callbacks, loader } = start({
      swaStart: 2,
      swaFreq: 1,
      swaLr: 0.02,
      unit: 'epoch',
    });
    const visited: number[][] = [];
    await train(model, callbacks, 5, (epoch) => {
      if (epoch >= 2) visited.push(weightsOf(model));
    });
    expect(callbacks.swa.paramGroups[0]).toMatchObject({ nAvg: 3, stepCounter: 5, lr: 0.02 });
    expect(callbacks.swa.isSwapped).toBe(true);
    expectClose(weightsOf(model), mean(visited));
    const statistics = allWeightsOf(model);
    await bnUpdate(loader, batchNormModel(tf, model));
    expect(allWeightsOf(model)).toEqual(statistics);
  });

  it('averages by steps, at steps that are no ends of epochs too', async () => {
    const { model, callbacks } = start({ swaStart: 4, swaFreq: 2, swaLr: 0.02 });
    await train(model, callbacks, 3);
    // 9 steps: averages after 6 and 8.
    expect(callbacks.swa.paramGroups[0]).toMatchObject({ nAvg: 2, stepCounter: 9, lr: 0.02 });
  });

  it('sets the rate before the step that torchcontrib sets it for', async () => {
    const rates: number[] = [];
    const model = compiledModel();
    const { x } = data();
    const callbacks = swaCallback(tf, model, { swaStart: 4, swaFreq: 2, swaLr: 0.02, loader: [x] });
    const { optimizer } = model;
    const apply = optimizer.applyGradients.bind(optimizer);
    optimizer.applyGradients = (gradients) => {
      rates.push(Number(Reflect.get(optimizer, 'learningRate')));
      apply(gradients);
    };
    await train(model, callbacks, 2);
    expect(rates).toEqual([0.05, 0.05, 0.05, 0.05, 0.02, 0.02]);
  });

  it('evaluates the averages at each epoch end, and the numbers join the history', async () => {
    const { x, y } = data();
    let model: tf.LayersModel | undefined;
    const seen: number[][] = [];
    const evaluate = vi.fn<() => Record<string, number>>(() => {
      if (model === undefined) throw new Error('no model');
      seen.push(weightsOf(model));
      const loss = model.evaluate(x, y, { batchSize: SAMPLES }) as tf.Scalar;
      const [value = NaN] = loss.dataSync();
      loss.dispose();
      return { loss: value };
    });
    const run = start({ swaStart: 1, swaFreq: 1, unit: 'epoch', evaluate });
    model = run.model;
    const live: number[][] = [];
    const { history } = await train(model, run.callbacks, 4, () => live.push(weightsOf(run.model)));
    expect(evaluate).toHaveBeenCalledTimes(3);
    expect(history['swa_loss']).toHaveLength(3);
    expect(history['loss']).toHaveLength(4);
    seen.forEach((weights, n) => expectClose(weights, mean(live.slice(1, n + 2))));
  });

  it('trains as if it were not there, evaluation or not', async () => {
    const alone = compiledModel();
    const { x, y } = data();
    await alone.fit(x, y, { ...FIT, epochs: 4 });
    const { model, callbacks } = start({
      swaStart: 1,
      swaFreq: 1,
      unit: 'epoch',
      evaluate: () => ({}),
    });
    const ends: number[][] = [];
    await train(model, callbacks, 4, () => ends.push(allWeightsOf(model)));
    expect(ends.at(-1)).toEqual(allWeightsOf(alone));
  });

  it('goes on from the live weights and statistics when fit is called again', async () => {
    const options = { swaStart: 2, swaFreq: 1, swaLr: 0.02, unit: 'epoch' } as const;
    const [whole, parts] = [start(options), start(options)];
    await train(whole.model, whole.callbacks, 6);
    await train(parts.model, parts.callbacks, 3);
    await train(parts.model, parts.callbacks, 3);
    expect(allWeightsOf(parts.model)).toEqual(allWeightsOf(whole.model));
  });

  it('survives save and reload bit for bit', async () => {
    const options = { swaStart: 3, swaFreq: 2, swaLr: 0.02 } as const;
    const whole = start(options);
    await train(whole.model, whole.callbacks, 4);

    const first = start(options);
    let artifacts: tf.io.ModelArtifacts | undefined;
    let bytes: Uint8Array | undefined;
    const { onEpochEnd } = first.callbacks;
    first.callbacks.onEpochEnd = async (epoch, logs) => {
      await onEpochEnd?.(epoch, logs);
      if (epoch !== 1) return;
      artifacts = await saved(first.model);
      bytes = toSafetensors(await first.callbacks.swa.stateDict());
    };
    await train(first.model, first.callbacks, 2);
    if (artifacts === undefined || bytes === undefined) throw new Error('nothing was saved');

    const model = await loaded(artifacts);
    const callbacks = swaCallback(tf, model, { ...options, loader: first.loader });
    await callbacks.swa.loadStateDict(fromSafetensors(bytes));
    await train(model, callbacks, 2);
    expect(allWeightsOf(model)).toEqual(allWeightsOf(whole.model));
  });

  it('refuses a layer that was frozen while it trains, by the names of its weights', async () => {
    const { model, callbacks } = start({ swaStart: 0, swaFreq: 1, unit: 'epoch' });
    const freeze = (epoch: number): void => {
      if (epoch === 0) model.getLayer('head').trainable = false;
    };
    await expect(train(model, callbacks, 3, freeze)).rejects.toThrow(/"head\/kernel".* gone/);
  });

  it('keeps no tensor alive over several fits', async () => {
    const { model, callbacks } = start({ swaStart: 1, swaFreq: 1, unit: 'epoch' });
    await train(model, callbacks, 2);
    const before = tf.memory().numTensors;
    for (let n = 0; n < 3; n += 1) await train(model, callbacks, 1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('puts the live model back where the batch-norm update at the end fails', async () => {
    const model = compiledModel();
    const [batch = tf.scalar(0)] = batches();
    let reads = 0;
    const loader = {
      *[Symbol.iterator]() {
        reads += 1;
        if (reads > 1) throw new Error('the disk is gone');
        yield batch;
      },
    };
    const callbacks = swaCallback(tf, model, { swaStart: 0, swaFreq: 1, unit: 'epoch', loader });
    let live: number[] = [];
    await expect(
      train(model, callbacks, 2, () => {
        live = allWeightsOf(model);
      }),
    ).rejects.toThrow('the disk is gone');
    expect(allWeightsOf(model)).toEqual(live);
    expect(callbacks.swa.isSwapped).toBe(false);
  });

  it('leaves the model alone where training ended before swaStart', async () => {
    const { model, callbacks } = start({ swaStart: 100, swaFreq: 1 });
    let live: number[] = [];
    await train(model, callbacks, 1, () => {
      live = allWeightsOf(model);
    });
    expect(allWeightsOf(model)).toEqual(live);
  });

  it('leaks nothing', async () => {
    const { model, callbacks } = start({ swaStart: 0, swaFreq: 1, evaluate: () => ({}) });
    await train(model, callbacks, 1);
    const before = tf.memory().numTensors;
    await train(model, callbacks, 2);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a model that is not compiled, and batch norm without a loader', async () => {
    const bare = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    expect(() => swaCallback(tf, bare, { swaStart: 0, swaFreq: 1 }).swa.paramGroups[0]?.lr).toThrow(
      /not compiled/,
    );
    expect(() => swaCallback(tf, compiledModel(), { swaStart: 0, swaFreq: 1 })).toThrow(TypeError);
  });
});
