// A batch-norm update that would fail at the end of the training is refused at its beginning.
import { swaCallback } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { batches, EPOCHS, train } from '../callback/fit.js';
import { allWeightsOf, compiledModel } from '../training/training.js';

describe.each(RUNTIMES)('the batch norm of a swaCallback on %s', (runtime) => {
  useRuntime(runtime);

  it.each([
    { what: 'no batches', loader: [], message: /gave no batch/ },
    {
      what: 'a generator object, which can be read once',
      loader: (function* () {
        yield tf.ones([2, 3]);
      })(),
      message: /read once only\. Pass an array/,
    },
    {
      what: 'batches of another shape',
      loader: [tf.ones([2, 4])],
      message: /4/,
    },
    { what: 'batches that are no tensors', loader: [[1, 2]] as never, message: /0 tensors/ },
    { what: 'no loader', loader: 3 as never, message: /loader is 3\. Expected batches/ },
    {
      what: 'a loader that throws',
      loader: {
        *[Symbol.iterator]() {
          yield* [];
          throw new Error('no such file');
        },
      },
      message: /no such file/,
    },
    {
      what: 'odd options',
      loader: [tf.ones([2, 3])],
      batchNorm: { maxBatches: 0 },
      message: /maxBatches is 0/,
    },
  ])('refuses $what', async ({ loader, message, batchNorm = {} }) => {
    const model = compiledModel();
    const before = allWeightsOf(model);
    const { numTensors } = tf.memory();
    const callback = swaCallback(tf, model, { ...EPOCHS, loader, batchNorm });
    await expect(train(model, callback, 1)).rejects.toThrow(message);
    expect(allWeightsOf(model)).toEqual(before);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('reads one batch for that, and changes no statistics', async () => {
    const model = compiledModel();
    const [first = tf.scalar(0), second = tf.scalar(0)] = batches();
    const read: tf.Tensor[] = [];
    const loader = {
      *[Symbol.iterator]() {
        for (const batch of [first, second]) {
          read.push(batch);
          yield batch;
        }
      },
    };
    const before = allWeightsOf(model);
    const callback = swaCallback(tf, model, { ...EPOCHS, loader, onWarning: () => {} });
    await train(model, callback, 1);
    expect(read).toEqual([first]);
    expect(allWeightsOf(model)).not.toEqual(before);
  });

  it('passes over a first batch that is to be skipped', async () => {
    const model = compiledModel();
    const loader = [tf.mul(NaN, tf.ones([2, 3])), ...batches()];
    const fitWith = async (nonFinite: 'skip' | 'refuse'): Promise<tf.History> => {
      const batchNorm = { nonFinite, onWarning: () => {} };
      return train(model, swaCallback(tf, model, { ...EPOCHS, loader, batchNorm }), 3);
    };
    await expect(fitWith('refuse')).rejects.toMatchObject({ code: 'ERR_NON_FINITE' });
    await expect(fitWith('skip')).resolves.toBeDefined();
  });

  it('asks for no loader where all batch norm is frozen', async () => {
    const model = compiledModel();
    model.getLayer('bn').trainable = false;
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const callback = swaCallback(tf, model, EPOCHS);
    await train(model, callback, 3);
    expect(callback.swa.isSwapped).toBe(true);
  });
});
