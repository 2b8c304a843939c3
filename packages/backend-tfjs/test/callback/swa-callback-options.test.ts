// What swaCallback makes of its options, and how a run goes on elsewhere.
import { batchNormModel, swaCallback } from '@polyak/backend-tfjs';
import type { SwaCallbackOptions } from '@polyak/backend-tfjs';
import { bnUpdate, fromSafetensors, toSafetensors } from '@polyak/core';
import { exponential } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { allWeightsOf, compiledModel, loaded, saved, weightsOf } from '../training/training.js';
import { batches, EPOCHS, train } from './fit.js';

function recordRates(model: tf.LayersModel): number[] {
  const rates: number[] = [];
  const { optimizer } = model;
  const apply = optimizer.applyGradients.bind(optimizer);
  optimizer.applyGradients = (gradients) => {
    rates.push(Number(Reflect.get(optimizer, 'learningRate')));
    apply(gradients);
  };
  return rates;
}

describe.each(RUNTIMES)('swaCallback on %s', (runtime) => {
  useRuntime(runtime);

  it('puts live weights and batch-norm statistics back with restoreLive, once', async () => {
    const model = compiledModel();
    const callbacks = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
    let live: number[] = [];
    await train(model, callbacks, 4, () => {
      live = allWeightsOf(model);
    });
    const averaged = allWeightsOf(model);
    const moving = [...live.keys()].filter((index) => averaged[index] === live[index]);
    expect(moving).toEqual([]);
    await callbacks.restoreLive();
    expect(allWeightsOf(model)).toEqual(live);
    expect(callbacks.swa.isSwapped).toBe(false);
    // Nothing is left to put back: what the model holds now stays.
    await bnUpdate(batches(), batchNormModel(tf, model));
    const now = allWeightsOf(model);
    expect(now).not.toEqual(live);
    await callbacks.restoreLive();
    expect(allWeightsOf(model)).toEqual(now);
  });

  it('resumes from restoreLive, a saved model and stateDict as if never interrupted', async () => {
    const loader = batches();
    const whole = { model: compiledModel(), live: [] as number[] };
    const uninterrupted = swaCallback(tf, whole.model, { ...EPOCHS, loader });
    await train(whole.model, uninterrupted, 6);

    const first = compiledModel();
    const before = swaCallback(tf, first, { ...EPOCHS, loader });
    await train(first, before, 3);
    await before.restoreLive();
    const artifacts = await saved(first);
    const bytes = toSafetensors(await before.swa.stateDict());

    const model = await loaded(artifacts);
    const after = swaCallback(tf, model, { ...EPOCHS, loader });
    await after.swa.loadStateDict(fromSafetensors(bytes));
    await train(model, after, 3);
    expect(after.swa.paramGroups[0]).toMatchObject({ nAvg: 4, stepCounter: 6 });
    expect(allWeightsOf(model)).toEqual(allWeightsOf(whole.model));
    for (const each of [uninterrupted, after]) await each.restoreLive();
    expect(allWeightsOf(model)).toEqual(allWeightsOf(whole.model));
  });

  it("by epochs, sets each epoch's rate as torchcontrib does, over an outer schedule", async () => {
    const model = compiledModel();
    const rates = recordRates(model);
    const callbacks = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
    await train(model, callbacks, 4, () => {
      for (const group of callbacks.swa.paramGroups) group.lr = 0.3;
    });
    const epochs = [0.05, 0.3, 0.02, 0.02];
    expect(rates).toEqual(epochs.flatMap((rate) => [rate, rate, rate]));
  });

  it('passes the options of the batch-norm update on, for evaluations and at the end', async () => {
    const loader = batches();
    const model = compiledModel();
    const batchNorm = { statistics: 'pooled', maxBatches: 1 } as const;
    const again = async (options: object): Promise<number[]> => {
      await bnUpdate(loader, batchNormModel(tf, model), options);
      return allWeightsOf(model);
    };
    const evaluations: { found: number[]; asked: number[]; default: number[] }[] = [];
    const evaluate = async (): Promise<Record<string, number>> => {
      const found = allWeightsOf(model);
      evaluations.push({ found, default: await again({}), asked: await again(batchNorm) });
      return {};
    };
    await train(model, swaCallback(tf, model, { ...EPOCHS, loader, batchNorm, evaluate }), 3);
    const atTheEnd = allWeightsOf(model);
    evaluations.push({ found: atTheEnd, default: await again({}), asked: await again(batchNorm) });
    expect(evaluations).toHaveLength(2);
    for (const { found, asked, default: other } of evaluations) {
      expect(found).toEqual(asked);
      expect(found).not.toEqual(other);
    }
  });

  it('follows the model to the optimizer that it was compiled with last', async () => {
    const model = compiledModel();
    const callbacks = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
    await train(model, callbacks, 3);
    model.compile({ optimizer: tf.train.momentum(0.4, 0.9), loss: 'meanSquaredError' });
    const rates = recordRates(model);
    await train(model, callbacks, 1);
    expect(rates).toEqual([0.02, 0.02, 0.02]);
  });

  it('passes rule and compensated on', async () => {
    const model = compiledModel();
    const rule = exponential(0.5);
    const options: SwaCallbackOptions = {
      swaStart: 0,
      swaFreq: 1,
      unit: 'epoch',
      loader: batches(),
    };
    const callbacks = swaCallback(tf, model, { ...options, rule, compensated: true });
    const visited: number[][] = [];
    await train(model, callbacks, 3, () => visited.push(weightsOf(model)));
    const found = weightsOf(model);
    const [a = [], b = [], c = []] = visited;
    a.forEach((value, n) =>
      expect(found[n]).toBeCloseTo(value / 4 + (b[n] ?? 0) / 4 + (c[n] ?? 0) / 2, 5),
    );
    await callbacks.restoreLive();
    const { averages } = await callbacks.swa.stateDict();
    const { rule: name, residuals = {}, swaState = {} } = averages['swa'] ?? {};
    expect(name).toBe(rule.name);
    expect(Object.keys(residuals)).toEqual(Object.keys(swaState));
  });

  it('warns through onWarning of options, and of training without an average', async () => {
    const model = compiledModel();
    const onWarning = vi.fn<(message: string) => void>();
    const options = {
      swaStart: 2.5,
      swaFreq: 1,
      unit: 'epoch',
      loader: batches(),
      onWarning,
    } as const;
    const callbacks = swaCallback(tf, model, options);
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('swaStart is 2.5')]]);
    await train(model, callbacks, 2);
    expect(onWarning.mock.calls.slice(1)).toEqual([
      [expect.stringMatching(/end after epoch 2, .* due after epoch 3/)],
    ]);
    await train(model, callbacks, 1);
    expect(onWarning).toHaveBeenCalledTimes(2);
    expect(callbacks.swa.isSwapped).toBe(true);
  });

  it('skips updates that are not finite where asked to, and says at the end how many', async () => {
    const model = compiledModel();
    const onWarning = vi.fn<(message: string) => void>();
    const options = { ...EPOCHS, loader: batches(), nonFinite: 'skip', onWarning } as const;
    const callback = swaCallback(tf, model, options);
    const variable = model.trainableWeights[0]?.read() as tf.Variable;
    const live = tf.variable(variable, false);
    const { onEpochEnd } = callback;
    callback.onEpochEnd = async (epoch, logs) => {
      live.assign(variable);
      if (epoch === 2) variable.assign(tf.fill(variable.shape, NaN));
      await onEpochEnd(epoch, logs);
      variable.assign(live);
    };
    await train(model, callback, 4);
    expect(callback.swa.paramGroups[0]).toMatchObject({ nAvg: 1, stepCounter: 4 });
    const told = onWarning.mock.calls.filter(([message]) => message.includes('skipped'));
    expect(told).toContainEqual([expect.stringMatching(/^swaCallback: .* skipped 1 update/)]);
    live.dispose();
  });

  it.each([{ scale: false }, { center: false }])(
    'refuses batch norm with %j by the name of the layer',
    (config) => {
      const layers = [
        tf.layers.dense({ units: 2, inputShape: [2] }),
        tf.layers.batchNormalization({ name: 'whole' }),
        tf.layers.batchNormalization({ ...config, name: 'partial' }),
      ];
      const model = tf.sequential({ layers });
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      expect(() => swaCallback(tf, model, { ...EPOCHS, loader: [] })).toThrow(
        expect.objectContaining({
          code: 'ERR_UNSUPPORTED',
          message: expect.stringMatching(/as in "[^"]*partial"\./) as string,
        }),
      );
    },
  );

  it('refuses options that would average nothing', () => {
    const model = compiledModel();
    const loader = batches();
    const make = (options: object | undefined) => (): void => {
      swaCallback(tf, model, options as SwaCallbackOptions);
    };
    for (const options of [undefined, null as never, {}, { swaStart: 1 }, { swaFreq: 1 }]) {
      expect(make(options && { ...options, loader })).toThrow(
        /swaStart or swaFreq is missing.* Pass both/,
      );
    }
    expect(make({ ...EPOCHS, loader, unit: 'epochs' })).toThrow(/unit is "epochs", expected/);
    expect(make({ ...EPOCHS, loader, evaluate: 3 })).toThrow(/evaluate is 3, expected a function/);
    expect(make({ ...EPOCHS, loader, swastart: 3 })).toThrow(/no option "swastart"/);
  });

  it('refuses TensorFlow.js without layers', () => {
    const { CustomCallback: _, ...core } = tf;
    expect(() => swaCallback(core as typeof tf, compiledModel(), EPOCHS)).toThrow(
      /TensorFlow\.js without layers\. Pass/,
    );
  });
});
