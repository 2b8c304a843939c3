// Several callbacks on one model, and other training of it in between.
import { modelParameters, swaCallback, tfjsBackend } from '@polyak/backend-tfjs';
import type { SwaCallback } from '@polyak/backend-tfjs';
import { AveragedModel, ParameterSet } from '@polyak/core';
import { equal, exponential } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { allWeightsOf, compiledModel } from '../training/training.js';
import { batches, train, trainAlone } from './fit.js';

/** Without a rate of its own, so that the weights are those of training alone. */
const EPOCHS = { swaStart: 2, swaFreq: 1, unit: 'epoch' } as const;

/** One callback that averages by epochs, and one that averages by steps, at other times. */
function both(model: tf.LayersModel, runtime: typeof tf = tf): readonly [SwaCallback, SwaCallback] {
  const loader = batches();
  return [
    swaCallback(runtime, model, { swaStart: 1, swaFreq: 1, unit: 'epoch', loader }),
    swaCallback(runtime, model, { swaStart: 4, swaFreq: 2, loader }),
  ];
}

/** The averages that a callback leaves in a model where it is alone. */
async function averagedAlone(index: number, epochs: number): Promise<number[]> {
  const model = compiledModel();
  await train(model, both(model)[index] as SwaCallback, epochs);
  return allWeightsOf(model);
}

describe.each(RUNTIMES)('swaCallback on a shared model, on %s', (runtime) => {
  useRuntime(runtime);

  it.each([
    [0, 1],
    [1, 0],
  ])('several leave and restore in any order (%i, %i)', async (first, second) => {
    const model = compiledModel();
    const callbacks = both(model);
    const order = [callbacks[first], callbacks[second]] as SwaCallback[];
    for (const epochs of [3, 2]) {
      const live: number[][] = [];
      await train(model, order, epochs, () => void live.push(allWeightsOf(model)));
      expect(order.map(({ swa }) => swa.isSwapped)).toEqual([false, true]);
      expect(live.at(-1)).toEqual(
        allWeightsOf(await trainAlone(compiledModel(), epochs + (epochs === 2 ? 3 : 0))),
      );
    }
    // Neither the other averages nor the swaps between have changed a bit.
    expect(allWeightsOf(model)).toEqual(await averagedAlone(second, 5));
    for (const each of order) await each.restoreLive();
    expect(allWeightsOf(model)).toEqual(allWeightsOf(await trainAlone(compiledModel(), 5)));
    expect(callbacks.map(({ swa }) => swa.paramGroups[0]?.nAvg)).toEqual([4, 5]);
  });

  it('restores where nobody awaits: a.restoreLive(); b.restoreLive()', async () => {
    // Read by promises, as on webgpu.
    for (const asynchronous of [tf, { ...tf, getBackend: () => 'webgpu' }]) {
      const model = compiledModel();
      const callbacks = both(model, asynchronous);
      await train(model, callbacks, 3);
      await Promise.all([...callbacks, ...callbacks].map((each) => each.restoreLive()));
      expect(allWeightsOf(model)).toEqual(allWeightsOf(await trainAlone(compiledModel(), 3)));
    }
  });

  it('one is disposed of, and the other one goes on', async () => {
    for (const index of [0, 1]) {
      const model = compiledModel();
      const callbacks = both(model);
      await train(model, callbacks, 3);
      await callbacks[index]?.swa.dispose();
      await train(model, callbacks[1 - index] as SwaCallback, 2);
      expect(allWeightsOf(model)).toEqual(await averagedAlone(1 - index, 5));
    }
  });

  it('trains on from the live weights though another callback has left its averages', async () => {
    const model = compiledModel();
    const loader = batches();
    await train(model, swaCallback(tf, model, { ...EPOCHS, loader }), 3);
    const later = { swaStart: 9, swaFreq: 1, loader, onWarning: () => {} };
    await train(model, swaCallback(tf, model, later), 2);
    expect(allWeightsOf(model)).toEqual(allWeightsOf(await trainAlone(compiledModel(), 5)));
  });

  it('is refused by fit of another model, with the names of both', async () => {
    const [own, other] = [compiledModel(), compiledModel()];
    const callback = swaCallback(tf, own, { ...EPOCHS, loader: batches() });
    const before = allWeightsOf(other);
    const [ownName, otherName] = [own.name, other.name];
    await expect(train(other, callback, 1)).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
      message: expect.stringMatching(
        new RegExp(`model "${ownName}.*" and passed to fit of the model "${otherName}`),
      ) as string,
    });
    // Wrapped by tfjs, which then tells it no model.
    await expect(train(other, new tf.CustomCallback(callback) as SwaCallback, 1)).rejects.toThrow(
      /passed to fit of another model/,
    );
    expect(allWeightsOf(other)).toEqual(before);
    await train(own, callback, 3);
    expect(callback.swa.isSwapped).toBe(true);
  });

  describe('where the model was trained while it held the averages', () => {
    async function trainedOver(): Promise<{ model: tf.LayersModel; callback: SwaCallback }> {
      const model = compiledModel();
      const averages = { swa: equal(), ema: exponential(0.5) };
      const callback = swaCallback(tf, model, { ...EPOCHS, averages, loader: batches() });
      await train(model, callback, 3);
      await trainAlone(model, 1);
      return { model, callback };
    }
    const refusal = {
      code: 'ERR_SWAPPED',
      message: expect.stringMatching(/"hidden\/kernel".*changed .* keep: 'averages'/) as string,
    };

    it('refuses to restore or to train on, and changes nothing', async () => {
      const { model, callback } = await trainedOver();
      const trained = allWeightsOf(model);
      const other = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
      for (const each of [callback, other]) {
        await expect(each.restoreLive()).rejects.toMatchObject(refusal);
        await expect(train(model, each, 1)).rejects.toMatchObject(refusal);
      }
      expect(allWeightsOf(model)).toEqual(trained);
    });

    it('refuses whoever else would take the averages out, and changes nothing', async () => {
      const { model, callback } = await trainedOver();
      const trained = allWeightsOf(model);
      const { swa } = callback;
      const backend = tfjsBackend(tf);
      const other = new AveragedModel(modelParameters(model), { backend });
      const weights = new ParameterSet(modelParameters(model), { backend });
      const { averages } = await swa.stateDict();
      const comers = {
        updateSwa: async () => swa.updateSwa(),
        step: async () => swa.step(),
        withAveraged: async () => swa.withAveraged(() => {}),
        swapToAnother: async () => swa.swapSwaSgd({ average: 'ema' }),
        dispose: async () => swa.dispose(),
        update: async () => other.update(),
        recall: async () => weights.recall(),
        read: async () => weights.read(),
      };
      for (const comer of Object.values(comers))
        await expect(comer()).rejects.toMatchObject(refusal);
      expect(allWeightsOf(model)).toEqual(trained);
      expect((await swa.stateDict()).averages).toEqual(averages);
    });

    it('keeps that training with dispose, and trains on from it', async () => {
      const { model, callback } = await trainedOver();
      const trained = allWeightsOf(model);
      await callback.swa.dispose({ keep: 'averages' });
      expect(allWeightsOf(model)).toEqual(trained);
      await callback.restoreLive();
      expect(allWeightsOf(model)).toEqual(trained);
      const next = swaCallback(tf, model, { ...EPOCHS, loader: batches() });
      await train(model, next, 3);
      expect(next.swa.paramGroups[0]?.nAvg).toBe(1);
    });

    it('discards it with swapSwaSgd, unless that fails', async () => {
      const { model, callback } = await trainedOver();
      const odd = { recalable: true } as object;
      await expect(callback.swa.swapSwaSgd(odd)).rejects.toThrow(/no option "recalable"/);
      await expect(callback.restoreLive()).rejects.toMatchObject(refusal);
      await callback.swa.swapSwaSgd();
      // The optimizer has gone on.
      expect(allWeightsOf(model)).toEqual(allWeightsOf(await trainAlone(compiledModel(), 3)));
    });
  });

  it('restores after swaps by hand, to the same and to another average', async () => {
    const model = compiledModel();
    const averages = { swa: equal(), ema: exponential(0.5) };
    const callback = swaCallback(tf, model, { ...EPOCHS, averages, loader: batches() });
    await train(model, callback, 4);
    for (const average of ['swa', 'ema'] as const) {
      await callback.swa.swapSwaSgd();
      await callback.swa.swapSwaSgd({ average });
      await callback.restoreLive();
      expect(allWeightsOf(model)).toEqual(allWeightsOf(await trainAlone(compiledModel(), 4)));
      await callback.swa.swapSwaSgd();
    }
  });
});
