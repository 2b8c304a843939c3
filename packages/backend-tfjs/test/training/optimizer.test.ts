import {
  modelParameters,
  tfjsBackend,
  tfjsOptimizer,
  variableParameters,
} from '@polyak/backend-tfjs';
import { fromSafetensors, SWA, toSafetensors } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { compiledModel, data, mean, weightsOf } from './training.js';

interface Run {
  readonly model: tf.LayersModel;
  readonly swa: SWA<tf.Tensor>;
  readonly step: () => Promise<void>;
}

const MAKERS: readonly [string, () => tf.Optimizer][] = [
  ['sgd', () => tf.train.sgd(0.05)],
  ['momentum', () => tf.train.momentum(0.05, 0.9)],
  ['rmsprop', () => tf.train.rmsprop(0.01, 0.9)],
  ['adagrad', () => tf.train.adagrad(0.05)],
  ['adadelta', () => tf.train.adadelta(0.5)],
  ['adam', () => tf.train.adam(0.01)],
];

/** tfjs cannot save its state. */
const ADAMAX = ['adamax', () => tf.train.adamax(0.01)] as const;

function start(make: () => tf.Optimizer): Run {
  const optimizer = make();
  const model = compiledModel(optimizer);
  const { x, y } = data();
  const swa = new SWA(tfjsOptimizer(tf, optimizer, modelParameters(model)), {
    backend: tfjsBackend(tf),
    swaStart: 3,
    swaFreq: 2,
    swaLr: 0.01,
  });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const loss = (): tf.Scalar => tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor2D);
  return {
    model,
    swa,
    step: async () => {
      await swa.step(() => {
        optimizer.minimize(loss, false, variables);
      });
    },
  };
}

describe.each(RUNTIMES)('tfjsOptimizer on %s', (runtime) => {
  useRuntime(runtime);

  it('averages what a loop with minimize visits', async () => {
    const { model, swa, step } = start(() => tf.train.momentum(0.05, 0.9));
    const visited: number[][] = [];
    for (let n = 1; n <= 9; n += 1) {
      await step();
      if (n > 3 && n % 2 === 0) visited.push(weightsOf(model));
    }
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 3, stepCounter: 9 });
    expect(visited[1]).not.toEqual(visited[0]);
    await swa.withAveraged(() => {
      mean(visited).forEach((value, index) =>
        expect(weightsOf(model)[index]).toBeCloseTo(value, 6),
      );
    });
  });

  it('makes the step by the closure and gives what it returns, or makes none without', async () => {
    const weight = tf.variable(tf.tensor1d([4, 6]));
    const optimizer = tf.train.sgd(0.5);
    const swa = new SWA(tfjsOptimizer(tf, optimizer, variableParameters({ weight })), {
      backend: tfjsBackend(tf),
    });
    const loss = await swa.step(() =>
      optimizer.minimize(() => tf.sum(tf.mul(weight, [2, 3])), true, [weight]),
    );
    expect([...weight.dataSync()]).toEqual([3, 4.5]);
    expect(loss?.dataSync()[0]).toBe(4 * 2 + 6 * 3);
    expect(await swa.step()).toBeUndefined();
    expect([...weight.dataSync()]).toEqual([3, 4.5]);
    expect(swa.paramGroups[0]?.stepCounter).toBe(2);
  });

  it.each([...MAKERS, ADAMAX])(
    'sets the rate of %s so that the next step takes it',
    async (_, make) => {
      const { model, swa, step } = start(make);
      for (let n = 0; n < 3; n += 1) await step();
      for (const group of swa.paramGroups) group.lr = 0;
      expect(swa.paramGroups[0]?.lr).toBe(0);
      const before = weightsOf(model);
      const frozen = new SWA(swa.optimizer, { backend: tfjsBackend(tf) });
      const optimizer = model.optimizer;
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      await frozen.step(() => {
        optimizer.minimize(() => tf.sum(variables[0] as tf.Tensor), false, variables.slice(0, 1));
      });
      expect(weightsOf(model)).toEqual(before);
    },
  );

  it.each(MAKERS)('goes on bit for bit from a saved state of %s', async (_, make) => {
    const whole = start(make);
    for (let n = 0; n < 12; n += 1) await whole.step();
    const expected = [weightsOf(whole.model), await whole.swa.stateDict()];

    const first = start(make);
    // tfjs computes another power of Adam's beta for this step.
    for (let n = 0; n < 8; n += 1) await first.step();
    const bytes = toSafetensors(await first.swa.stateDict());
    const second = start(make);
    second.model.setWeights(first.model.getWeights().map((weight) => weight.clone()));
    await second.swa.loadStateDict(fromSafetensors(bytes));
    for (let n = 8; n < 12; n += 1) await second.step();
    const [weights, state] = [weightsOf(second.model), await second.swa.stateDict()];
    expect(weights).toEqual(expected[0]);
    expect({ ...state, optState: {} }).toEqual({ ...(expected[1] as object), optState: {} });
  });

  it('leaks nothing: not in steps, states, loads or swaps', async () => {
    const { swa, step } = start(() => tf.train.momentum(0.05, 0.9));
    for (let n = 0; n < 5; n += 1) await step();
    const before = tf.memory().numTensors;
    for (let n = 0; n < 5; n += 1) {
      await step();
      await swa.withAveraged(() => 0);
      await swa.loadStateDict(await swa.stateDict());
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is not needed raw: SWA refuses a tfjs optimizer and options without a backend', () => {
    const raw = tf.train.sgd(1) as unknown as ReturnType<typeof tfjsOptimizer>;
    expect(() => new SWA(raw, { backend: tfjsBackend(tf) })).toThrow(/tfjsOptimizer/);
    const { swa } = start(() => tf.train.sgd(1));
    const none = {} as ConstructorParameters<typeof SWA<tf.Tensor>>[1];
    expect(() => new SWA(swa.optimizer, none)).toThrow(/the backend is undefined/);
    expect(() => tfjsOptimizer(tf, raw as unknown as tf.Optimizer, [])).not.toThrow();
    for (const other of [undefined, 'sgd']) {
      expect(() => tfjsOptimizer(tf, other as unknown as tf.Optimizer, [])).toThrow(TypeError);
    }
  });

  it('refuses the state of another optimizer, and Adamax by name', async () => {
    const { swa, step } = start(() => tf.train.adamax(0.01));
    await step();
    await expect(swa.stateDict()).rejects.toThrow(/Adamax/);
    const [one, other] = [start(() => tf.train.sgd(1)), start(() => tf.train.momentum(1, 0.9))];
    await expect(one.swa.loadStateDict(await other.swa.stateDict())).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(/is that of Momentum, expected \{.*\} of SGD\. Load one/u),
    });
    const none = { ...(await one.swa.stateDict()), optState: {} };
    await expect(one.swa.loadStateDict(none)).rejects.toThrow(/is that of no tfjs optimizer, exp/u);
  });

  it('refuses what is no TensorFlow.js, and a source that gives no list', () => {
    const none = undefined as unknown as typeof tf;
    expect(() => tfjsOptimizer(none, tf.train.sgd(1), [])).toThrow(/is not TensorFlow\.js/);
    const source = (() => undefined) as unknown as () => [];
    expect(
      () => new SWA(tfjsOptimizer(tf, tf.train.sgd(1), source), { backend: tfjsBackend(tf) }),
    ).toThrow(/params.* undefined/);
  });
});
