// What each example of embedding is tested for.
import { AveragedModel, ParameterSet } from '@polyak/core';
import { checkEmbedding } from '@polyak/core/embedding';
import type { Embedded } from '@polyak/example-shared/embedded-run';
import { interruptedRun, SAMPLE, wholeRun } from '@polyak/example-shared/embedded-run';
import { batchAt } from '@polyak/example-shared/moons';
import { expect, it } from 'vitest';

/** Declares the tests of a network. */
export function declareEmbedding<T>(makeNetwork: () => Embedded<T>): void {
  it('lists what the network computes with', async () => {
    const network = makeNetwork();
    const { backend, weights } = network;
    const predict = (): readonly number[] => network.predict(SAMPLE);
    await expect(checkEmbedding(weights, { backend, predict })).resolves.toBeUndefined();
  });

  it('averages the weights of the steps, and gives the network its own back', async () => {
    const network = makeNetwork();
    const { backend, weights } = network;
    const set = new ParameterSet(weights, { backend });
    const averaged = new AveragedModel(weights, { backend });
    const values = async (): Promise<number[]> =>
      Object.values(await set.read()).flatMap(({ data }) => Array.from(data, Number));
    const seen: number[][] = [];
    for (let step = 0; step < 20; step += 1) {
      network.step(batchAt(SAMPLE, step, 4));
      seen.push(await values());
      await averaged.update();
    }
    const [live, output] = [await values(), network.predict(SAMPLE)];
    const mean = live.map((_, n) => seen.reduce((sum, each) => sum + (each[n] ?? NaN), 0) / 20);
    // Not by the set, which is refused meanwhile.
    const shown = await averaged.withAveraged(async () =>
      (await backend.download(weights.map((weight) => weight.get()))).flatMap(({ data }) =>
        Array.from(data, Number),
      ),
    );
    for (const [n, value] of shown.entries()) expect(value).toBeCloseTo(mean[n] ?? NaN, 5);
    expect(shown).not.toEqual(live);
    expect(await values()).toEqual(live);
    expect(network.predict(SAMPLE)).toEqual(output);
  });

  it('goes on bit for bit in another network, whenever it is interrupted', async () => {
    const run = await wholeRun(makeNetwork, 160);
    const [file, accuracies] = [await run.save(), await run.accuracies()];
    // Before the averages begin, and while they are kept.
    for (const stop of [40, 120]) {
      const resumed = await interruptedRun(makeNetwork, stop, 160);
      expect(Buffer.compare(await resumed.save(), file), `after ${stop}`).toBe(0);
      expect(await resumed.accuracies()).toEqual(accuracies);
    }
    // It has learned something, and has averaged.
    for (const accuracy of accuracies.values()) expect(accuracy).toBeGreaterThan(0.7);
    expect(new Set(accuracies.values()).size).toBeGreaterThan(1);
  });
}

/** Declares the test that the example saves what its optimizer keeps: without it, bits differ. */
export function declareOptimizerState<T>(makeNetwork: () => Embedded<T>): void {
  it('needs what the optimizer keeps to do so', async () => {
    const forgetful = (): Embedded<T> => ({ ...makeNetwork(), optimizerState: [] });
    const file = await (await wholeRun(forgetful, 20)).save();
    const resumed = await (await interruptedRun(forgetful, 10, 20)).save();
    expect(Buffer.compare(resumed, file)).not.toBe(0);
  });
}
