// What is done with the averages after training, and what memory that leaves.
import { swaCallback } from '@polyak/backend-tfjs';
import type { SwaCallback } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { allWeightsOf, compiledModel } from '../training/training.js';
import { batches, train, trainAlone } from './fit.js';

const EPOCHS = { swaStart: 1, swaFreq: 1, unit: 'epoch' } as const;

interface Trained {
  readonly model: tf.LayersModel;
  readonly callback: SwaCallback;
  /** The live weights at the end of training, and the averages that it left. */
  readonly live: number[];
  readonly averages: number[];
  /** The memory of the model and its optimizer. */
  readonly memory: Memory;
  /** The memory before there was a model. */
  readonly none: Memory;
}

type Memory = Pick<tf.MemoryInfo, 'numTensors' | 'numBytes' | 'numDataBuffers'>;

function memory(): Memory {
  const { numTensors, numBytes, numDataBuffers } = tf.memory();
  return { numTensors, numBytes, numDataBuffers };
}

const loader = batches();

async function trained(): Promise<Trained> {
  const none = memory();
  // The optimizer makes its variables in the first step.
  const model = await trainAlone(compiledModel(tf.train.adam(0.05)), 1);
  const before = memory();
  const callback = swaCallback(tf, model, { ...EPOCHS, loader });
  let live: number[] = [];
  await train(model, callback, 3, () => {
    live = allWeightsOf(model);
  });
  return { model, callback, live, averages: allWeightsOf(model), memory: before, none };
}

/** The optimizer stays the caller's, who made it. */
function disposeOf(model: tf.LayersModel): void {
  model.optimizer.dispose();
  model.dispose();
}

describe.each(RUNTIMES)('after training with swaCallback, on %s', (runtime) => {
  useRuntime(runtime);

  it('keeps the averages, and frees the live copy', async () => {
    const run = await trained();
    await run.callback.swa.dispose({ keep: 'averages' });
    expect(allWeightsOf(run.model)).toEqual(run.averages);
    expect(memory()).toEqual(run.memory);
    await run.callback.restoreLive();
    await trainAlone(run.model, 1);
    expect(allWeightsOf(run.model)).not.toEqual(run.averages);
    expect(memory()).toEqual(run.memory);
  });

  it('keeps the live weights, and frees the averages', async () => {
    for (const restore of [true, false]) {
      const run = await trained();
      if (restore) await run.callback.restoreLive();
      await run.callback.swa.dispose();
      expect(allWeightsOf(run.model)).toEqual(run.live);
      expect(memory()).toEqual(run.memory);
    }
  });

  it('refuses to train once the averages were disposed of, before the first batch', async () => {
    const { model, callback, live } = await trained();
    await callback.swa.dispose();
    await expect(train(model, callback, 1)).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
      message: expect.stringContaining('Make a new callback') as string,
    });
    expect(allWeightsOf(model)).toEqual(live);
  });

  it('goes on training from the live weights', async () => {
    const whole = await trained();
    await whole.callback.restoreLive();
    await trainAlone(whole.model, 2);

    const run = await trained();
    const live: number[][] = [];
    await train(run.model, run.callback, 2, () => live.push(allWeightsOf(run.model)));
    expect(live.at(-1)).toEqual(allWeightsOf(whole.model));
    expect(run.callback.swa.paramGroups[0]?.nAvg).toBe(4);
    await run.callback.swa.dispose();
    expect(memory()).toEqual(run.memory);
  });

  it('trains on where a layer was removed and disposed of while it held averages', async () => {
    const { model, callback, live } = await trained();
    const head = model.getLayer('head');
    (model as tf.Sequential).pop();
    head.dispose();
    (model as tf.Sequential).add(tf.layers.dense({ name: 'other', units: 1 }));
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const next = swaCallback(tf, model, { ...EPOCHS, loader });
    await next.restoreLive();
    // hidden/kernel and hidden/bias, which the averages of the callback were in.
    expect(allWeightsOf(model).slice(0, 20)).toEqual(live.slice(0, 20));
    await train(model, next, 2);
    for (const { swa } of [callback, next]) await swa.dispose();
  });

  describe.each(['the averages', 'the live weights'])('while the model holds %s', (what) => {
    async function ended(): Promise<Trained> {
      const run = await trained();
      if (what === 'the live weights') await run.callback.restoreLive();
      return run;
    }

    it('frees everything where the model is disposed of first', async () => {
      const { model, callback, none } = await ended();
      disposeOf(model);
      await callback.swa.dispose();
      expect(memory()).toEqual(none);
    });

    it('frees everything where the averages are disposed of first', async () => {
      const { model, callback, none } = await ended();
      await callback.swa.dispose();
      disposeOf(model);
      expect(memory()).toEqual(none);
    });

    it('says what cannot be done with a model that was disposed of', async () => {
      const { model, callback, none } = await ended();
      disposeOf(model);
      await callback.restoreLive();
      await expect(callback.swa.swapSwaSgd()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
      await callback.swa.dispose();
      expect(memory()).toEqual(none);
    });
  });
});
