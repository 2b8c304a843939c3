// Weights that join in the middle of a run, such as those of a layer that was unfrozen.
import { modelParameters, tfjsBackend, tfjsOptimizer } from '@polyak/backend-tfjs';
import { SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { data, mean } from './training.js';

interface Run {
  readonly model: tf.LayersModel;
  readonly swa: SWA<tf.Tensor>;
  /** The trainable weights whose names begin like this. */
  named(start: string): readonly Parameter<tf.Tensor>[];
  step(): Promise<void>;
  /** Trains the base too, by a new optimizer, as after `model.compile`. */
  unfreeze(): void;
}

/** A frozen base, and a head that is trained and averaged from the second step on. */
function start(rate = 0.05): Run {
  const layer = (name: string, seed: number, units: number): tf.layers.Layer =>
    tf.layers.dense({
      name,
      units,
      inputShape: [3],
      kernelInitializer: tf.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed }),
    });
  const model = tf.sequential({ layers: [layer('base', 1, 3), layer('head', 2, 1)] });
  model.getLayer('base').trainable = false;
  let optimizer = tf.train.momentum(rate, 0.9);
  const { x, y } = data();
  const source = (): readonly Parameter<tf.Tensor>[] => modelParameters(model);
  const swa = new SWA(
    tfjsOptimizer(tf, () => optimizer, source),
    {
      backend: tfjsBackend(tf),
      swaStart: 1,
      swaFreq: 1,
      swaLr: 0.02,
    },
  );
  return {
    model,
    swa,
    unfreeze() {
      model.getLayer('base').trainable = true;
      optimizer.dispose();
      optimizer = tf.train.momentum(rate, 0.9);
    },
    named: (prefix) => source().filter(({ name }) => name.startsWith(prefix)),
    step: async () => {
      await swa.step(() => {
        const variables = source().map((parameter) => parameter.get() as tf.Variable);
        const loss = (): tf.Scalar => tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor2D);
        optimizer.minimize(loss, false, variables);
      });
    },
  };
}

function numbers(parameters: readonly Parameter<tf.Tensor>[]): number[] {
  return parameters.flatMap((parameter) => [...parameter.get().dataSync()]);
}

async function join({ swa, named, unfreeze }: Run): Promise<void> {
  unfreeze();
  const lr = swa.paramGroups[0]?.lr ?? NaN;
  await swa.addParamGroup({ params: named('base/'), lr });
}

describe.each(RUNTIMES)('SWA over tfjsOptimizer on %s', (runtime) => {
  useRuntime(runtime);

  it('lets a layer that was unfrozen join, with counters and an average of its own', async () => {
    const run = start();
    const { swa, model, named, step, unfreeze } = run;
    for (let n = 0; n < 3; n += 1) await step();
    unfreeze();
    await expect(step()).rejects.toThrow(
      /"base\/kernel", "base\/bias" not averaged so far.*addParamGroup/u,
    );
    await join(run);
    const visited: number[][] = [];
    for (let n = 0; n < 4; n += 1) {
      await step();
      if (n >= 1) visited.push(numbers(named('base/')));
    }
    expect(swa.paramGroups.map(({ nAvg, stepCounter, lr }) => [nAvg, stepCounter, lr])).toEqual([
      [2 + 4, 3 + 4, 0.02],
      [3, 4, 0.02],
    ]);
    const live = numbers(modelParameters(model));
    await swa.swapSwaSgd();
    const found = numbers(named('base/'));
    mean(visited).forEach((value, index) => expect(found[index]).toBeCloseTo(value, 6));
    await swa.swapSwaSgd();
    expect(numbers(modelParameters(model))).toEqual(live);
  });

  it('goes on bit for bit from a state of both groups', async () => {
    const [whole, first, second] = [start(), start(), start()];
    for (const run of [whole, first]) {
      for (let n = 0; n < 3; n += 1) await run.step();
      await join(run);
      for (let n = 0; n < 3; n += 1) await run.step();
    }
    await join(second);
    second.model.setWeights(first.model.getWeights().map((weight) => weight.clone()));
    await second.swa.loadStateDict(await first.swa.stateDict());
    for (const { step } of [whole, second]) {
      for (let n = 0; n < 2; n += 1) await step();
    }
    const states = await Promise.all([whole, second].map(async ({ swa }) => swa.stateDict()));
    expect(states[1]?.paramGroups).toEqual(states[0]?.paramGroups);
    expect(states[1]?.averages).toEqual(states[0]?.averages);
  });

  it('averages a weight of the first group once where a later group names it again', async () => {
    const { swa, named, step, unfreeze } = start();
    unfreeze();
    const lr = swa.paramGroups[0]?.lr ?? NaN;
    await swa.addParamGroup({ params: [...named('base/'), ...named('head/')], lr });
    for (let n = 0; n < 3; n += 1) await step();
    expect(swa.paramGroups.map(({ params }) => params.length)).toEqual([2, 4]);
    const { averages } = await swa.stateDict();
    expect(Object.keys(averages['swa']?.swaState ?? {}).toSorted()).toEqual(
      ['base/bias', 'base/kernel', 'head/bias', 'head/kernel'].toSorted(),
    );
  });

  it('refuses a second learning rate, naming the one there is, and stays as it was', async () => {
    const { swa, model, named, step } = start(0.05);
    model.getLayer('base').trainable = true;
    const added = swa.addParamGroup({ params: named('base/'), lr: 0.1 });
    await expect(added).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/lr is 0\.1, expected 0\.05.*lr: swa\.paramGroups\[0\]\.lr/u),
    });
    model.getLayer('base').trainable = false;
    await step();
    expect(swa.paramGroups).toHaveLength(1);
  });
});
