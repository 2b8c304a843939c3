// swaCallback beside other callbacks in one list, in any order.
import { swaCallback } from '@polyak/backend-tfjs';
import type { SwaCallbackOptions } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { allWeightsOf, compiledModel, data } from '../training/training.js';
import { batches, EPOCHS, FIT, train } from './fit.js';

/** A callback written as a class. */
class Recorder extends tf.Callback {
  readonly epochs: number[] = [];
  override async onEpochEnd(epoch: number): Promise<void> {
    this.epochs.push(epoch);
  }
}

type Callbacks = NonNullable<tf.ModelFitArgs['callbacks']>;

async function fit(
  listed: (callback: ReturnType<typeof swaCallback>) => Callbacks,
  { epochs = 5, ...options }: Partial<SwaCallbackOptions> & { epochs?: number } = {},
): Promise<{ weights: number[]; nAvg: number; history: tf.History['history'] }> {
  const model = compiledModel();
  const callback = swaCallback(tf, model, { ...EPOCHS, loader: batches(), ...options });
  const { x, y } = data();
  const { history } = await model.fit(x, y, { ...FIT, epochs, callbacks: listed(callback) });
  tf.dispose([x, y]);
  const { nAvg = 0 } = callback.swa.paramGroups[0] ?? {};
  return { weights: allWeightsOf(model), nAvg, history };
}

describe.each(RUNTIMES)('swaCallback beside others, on %s', (runtime) => {
  useRuntime(runtime);

  it('stands in one list with any callback, in either order', async () => {
    const seen: number[] = [];
    const onEpochEnd = (epoch: number): void => void seen.push(epoch);
    const custom = new tf.CustomCallback({ onEpochEnd });
    const stopping = tf.callbacks.earlyStopping({ monitor: 'loss', patience: 9 });
    const recorder = new Recorder();
    const { weights } = await fit((callback) => callback);
    const lists: ((callback: ReturnType<typeof swaCallback>) => Callbacks)[] = [
      (callback) => [callback],
      (callback) => [callback, stopping],
      (callback) => [stopping, callback],
      (callback) => [callback, stopping, custom, recorder],
      (callback) => [recorder, custom, stopping, callback],
      // tfjs wraps these two.
      (callback) => [{ onEpochEnd }, callback],
      (callback) => [new tf.CustomCallback(callback), stopping],
    ];
    for (const listed of lists) {
      const found = await fit(listed);
      expect(found.nAvg).toBe(3);
      expect(found.weights).toEqual(weights);
    }
    const twice = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4];
    expect(recorder.epochs).toEqual(twice);
    expect(seen).toEqual([...twice, 0, 1, 2, 3, 4]);
  });

  it('lets earlyStopping monitor what evaluate returns', async () => {
    // The first averages are those of the third epoch.
    const losses = [3, 2, 2.5, 1];
    const values = losses.values();
    const evaluate = (): { loss: number } => ({ loss: values.next().value ?? NaN });
    const stopping = tf.callbacks.earlyStopping({ monitor: 'swa_loss', mode: 'min' });
    const silent = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { history, nAvg } = await fit((callback) => [callback, stopping], {
      evaluate,
      epochs: 9,
    });
    silent.mockRestore();
    expect(history['swa_loss']).toEqual([3, 2, 2.5]);
    expect(history['loss']).toHaveLength(5);
    expect(nAvg).toBe(3);
  });

  it('warns once of a number that two callbacks add under one name', async () => {
    const onWarning = vi.fn<(message: string) => void>();
    const model = compiledModel();
    const options = { ...EPOCHS, loader: batches(), onWarning };
    const first = swaCallback(tf, model, { ...options, evaluate: () => ({ loss: 1, a: 1 }) });
    const second = swaCallback(tf, model, { ...options, evaluate: () => ({ loss: 2, b: 2 }) });
    const { history } = await train(model, [first, second], 4);
    expect(onWarning.mock.calls).toEqual([[expect.stringMatching(/have "swa_loss" already/)]]);
    expect(history).toMatchObject({ swa_loss: [2, 2], swa_a: [1, 1], swa_b: [2, 2] });
  });

  it('leaves the averages in the model where another callback ends the training', async () => {
    const { weights } = await fit((callback) => callback, { epochs: 3 });
    const ended = await fit(
      (callback) => {
        const stop = new (class extends tf.Callback {
          override async onEpochEnd(epoch: number): Promise<void> {
            const { model } = this as { readonly model?: { stopTraining: boolean } };
            if (epoch === 2 && model !== undefined) model.stopTraining = true;
          }
        })();
        return [stop, callback];
      },
      { epochs: 9 },
    );
    expect(ended.weights).toEqual(weights);
  });

  it('warns at the end where training was ended before the first average', async () => {
    const onWarning = vi.fn<(message: string) => void>();
    const stopping = tf.callbacks.earlyStopping({ monitor: 'loss', mode: 'max' });
    await fit((callback) => [callback, stopping], { epochs: 9, onWarning });
    expect(onWarning.mock.calls).toEqual([
      [expect.stringContaining('training ended before the first average')],
    ]);
  });

  it.each([
    { what: 'nothing', result: undefined, found: /returned undefined/ },
    { what: 'a bare number', result: 3, found: /returned number/ },
    { what: 'a tensor', result: { loss: tf.scalar(1) }, found: /not a number, .* Read a tensor/ },
    { what: 'no value', result: { loss: undefined }, found: /returned a value that is not/ },
  ])('refuses an evaluation that returns $what', async ({ result, found }) => {
    const evaluate = (): never => result as never;
    await expect(fit((callback) => callback, { evaluate })).rejects.toThrow(found);
  });
});
