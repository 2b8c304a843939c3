// Which runs of model.fit a swaCallback takes part in.
import { swaCallback } from '@polyak/backend-tfjs';
import type { SwaCallbackOptions } from '@polyak/backend-tfjs';
import { fromSafetensors, toSafetensors } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { allWeightsOf, compiledModel, data } from '../training/training.js';
import { batches, EPOCHS, FIT, train } from './fit.js';

const NAMED = { loss: 'meanSquaredError', optimizer: 'sgd' } as const;

/** A base and a head; the layers of the base come frozen. */
function frozenBase(): tf.Sequential {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ name: 'base', units: 4, inputShape: [3], trainable: false }),
      tf.layers.dense({ name: 'head', units: 1 }),
    ],
  });
  model.compile(NAMED);
  return model;
}

describe.each(RUNTIMES)('the run of a swaCallback on %s', (runtime) => {
  useRuntime(runtime);

  describe('where the model trains other weights than those that are averaged', () => {
    async function fitted(model = frozenBase()): Promise<{
      model: tf.Sequential;
      again: () => Promise<tf.History>;
    }> {
      const callback = swaCallback(tf, model, EPOCHS);
      await train(model, callback, 3);
      return { model, again: async () => train(model, callback, 1) };
    }

    it.each([
      {
        change: 'unfrozen',
        alter: (model: tf.Sequential) => {
          model.getLayer('base').trainable = true;
        },
        message: /trained but not averaged: "base\/kernel", "base\/bias"\. .* make a new callback/,
      },
      {
        change: 'replaced',
        alter: (model: tf.Sequential) => {
          model.pop();
          model.add(tf.layers.dense({ name: 'other', units: 1 }));
        },
        message: /not averaged: "other\/kernel", .*no longer trained: "head\/kernel", "head\/bias"/,
      },
      {
        change: 'replaced by one of the same name',
        alter: (model: tf.Sequential) => {
          model.pop();
          model.add(tf.layers.dense({ name: 'head', units: 1 }));
        },
        message: /not averaged: "head\/kernel", .*no longer trained: "head\/kernel", "head\/bias"/,
      },
      {
        change: 'added',
        alter: (model: tf.Sequential) => model.add(tf.layers.dense({ name: 'other', units: 1 })),
        message: /not averaged: "other\/kernel", "other\/bias"\./,
      },
    ])('refuses a layer that was $change, at the first fit after it', async (change) => {
      const { model, again } = await fitted();
      change.alter(model);
      model.compile(NAMED);
      const before = allWeightsOf(model);
      await expect(again()).rejects.toMatchObject({
        code: 'ERR_PARAMETERS',
        message: expect.stringMatching(change.message) as string,
      });
      expect(allWeightsOf(model)).toEqual(before);
      // The remedy: all that is trained is averaged.
      const callback = swaCallback(tf, model, { ...EPOCHS, swaStart: 0 });
      const visited: number[][] = [];
      await train(model, callback, 1, () => visited.push(allWeightsOf(model)));
      expect(callback.swa.paramGroups[0]?.params).toHaveLength(model.trainableWeights.length);
      expect(allWeightsOf(model)).toEqual(visited[0]);
    });

    it('refuses a layer that was frozen, compiled or not', async () => {
      for (const compile of [true, false]) {
        const model = compiledModel() as tf.Sequential;
        const callback = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
        model.getLayer('head').trainable = false;
        if (compile) model.compile(NAMED);
        await expect(train(model, callback, 1)).rejects.toThrow(
          /no longer trained: "head\/kernel", "head\/bias"/,
        );
      }
    });

    it('refuses weights that fit trains though they were frozen, for want of compile', async () => {
      const model = compiledModel();
      model.getLayer('head').trainable = false;
      const callback = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
      await expect(train(model, callback, 1)).rejects.toThrow(
        /trained but not averaged: "head\/kernel", "head\/bias"\. .* call model\.compile/,
      );
    });

    it('refuses a model without trainable weights when the callback is made', () => {
      const model = frozenBase();
      model.getLayer('head').trainable = false;
      expect(() => swaCallback(tf, model, EPOCHS)).toThrow(
        expect.objectContaining({
          code: 'ERR_PARAMETERS',
          message: expect.stringMatching(/no trainable weights.* Unfreeze a layer/) as string,
        }),
      );
    });
  });

  describe('where the averages would begin too late', () => {
    async function warningsOf(
      options: SwaCallbackOptions,
      run: tf.ModelFitArgs,
    ): Promise<readonly string[]> {
      const onWarning = vi.fn<(message: string) => void>();
      const model = frozenBase();
      const callback = swaCallback(tf, model, { ...options, onWarning });
      const { x, y } = data();
      let atBegin = 0;
      const onBatchBegin = (batch: number): void => {
        if (batch === 0) atBegin = onWarning.mock.calls.length;
      };
      const callbacks = [callback, new tf.CustomCallback({ onBatchBegin })];
      await model.fit(x, y, { ...FIT, callbacks, ...run });
      tf.dispose([x, y]);
      // All is said before the first batch, and once.
      expect(onWarning).toHaveBeenCalledTimes(atBegin);
      return onWarning.mock.calls.map(([message]) => message);
    }

    it('warns of a swaStart beyond the run, by epochs and by steps', async () => {
      const epochs = { swaStart: 4, swaFreq: 1, unit: 'epoch' } as const;
      expect(await warningsOf(epochs, { epochs: 4 })).toEqual([
        expect.stringMatching(/end after epoch 4, .* due after epoch 5 \(swaStart 4, swaFreq 1\)/),
      ]);
      expect(await warningsOf(epochs, { epochs: 5 })).toEqual([]);
      // Three steps an epoch.
      const steps = { swaStart: 6, swaFreq: 1 };
      expect(await warningsOf(steps, { epochs: 2 })).toEqual([
        expect.stringMatching(/end after step 6, .* due after step 7 /),
      ]);
      expect(await warningsOf(steps, { epochs: 3 })).toEqual([]);
    });

    it('warns of a swaFreq beyond the run', async () => {
      const options = { swaStart: 1, swaFreq: 5, unit: 'epoch' } as const;
      expect(await warningsOf(options, { epochs: 4 })).toEqual([
        expect.stringMatching(/due after epoch 5 \(swaStart 1, swaFreq 5\)/),
      ]);
      expect(await warningsOf(options, { epochs: 5 })).toEqual([]);
    });

    it('counts on over several fits, and warns no more once there are averages', async () => {
      const onWarning = vi.fn<(message: string) => void>();
      const model = frozenBase();
      const options = { swaStart: 3, swaFreq: 1, unit: 'epoch', onWarning } as const;
      const callback = swaCallback(tf, model, options);
      for (const count of [1, 1, 1]) {
        await train(model, callback, 2);
        expect(onWarning).toHaveBeenCalledTimes(count);
      }
    });

    it('knows the steps of a dataset of known size, and warns at the end otherwise', async () => {
      for (const known of [true, false]) {
        const onWarning = vi.fn<(message: string) => void>();
        const model = frozenBase();
        const callback = swaCallback(tf, model, { swaStart: 4, swaFreq: 1, onWarning });
        const batch = { xs: tf.ones([2, 3]), ys: tf.ones([2, 1]) };
        const list = tf.data.array([batch, batch]);
        const dataset = known ? list : list.filter(() => true);
        await model.fitDataset(
          dataset.map(({ xs, ys }) => ({ xs: xs.clone(), ys: ys.clone() })),
          {
            epochs: 2,
            verbose: 0,
            callbacks: callback,
          },
        );
        expect(onWarning.mock.calls).toEqual([
          [expect.stringMatching(known ? /end after step 4/ : /training ended before the first/)],
        ]);
      }
    });
  });

  it('refuses to resume at a later epoch without the state, and does so with it', async () => {
    const model = frozenBase();
    const { x, y } = data();
    const resumed = { ...FIT, initialEpoch: 8, epochs: 10 };
    for (const unit of ['epoch', 'step'] as const) {
      const options = { swaStart: 6, swaFreq: 1, unit } as const;
      const callback = swaCallback(tf, model, options);
      const before = allWeightsOf(model);
      await expect(model.fit(x, y, { ...resumed, callbacks: callback })).rejects.toMatchObject({
        code: 'ERR_STATE',
        message: expect.stringMatching(
          new RegExp(`begins at epoch 8, .* counted 0 ${unit}s\\. .*swa\\.loadStateDict`),
        ) as string,
      });
      expect(allWeightsOf(model)).toEqual(before);

      const first = swaCallback(tf, model, options);
      await train(model, first, 8);
      await first.restoreLive();
      const bytes = toSafetensors(await first.swa.stateDict());
      await callback.swa.loadStateDict(fromSafetensors(bytes));
      await model.fit(x, y, { ...resumed, callbacks: callback });
      expect(callback.swa.paramGroups[0]?.stepCounter).toBe(unit === 'epoch' ? 10 : 30);
      await callback.restoreLive();
    }
    tf.dispose([x, y]);
  });
});
