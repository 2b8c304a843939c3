// The averages of a swaOptimizer among saved weights: what does not fit is refused, and nothing is
// lost or left behind.
import { registerSwaOptimizer, swaOptimizer, variableParameters } from '@polyak/backend-tfjs';
import type { SwaOptimizer } from '@polyak/backend-tfjs';
import { equal, exponential } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { compiledModel, data, loaded, saved, SAMPLES, weightsOf } from './training.js';

type Weight = Awaited<ReturnType<SwaOptimizer['getWeights']>>[number];

const EVERY_STEP = { swaStart: 0, swaFreq: 1 };
const AVERAGES = { mean: equal(), ema: exponential(0.5) };

let count = 0;

function variable(...values: readonly number[]): tf.Variable {
  count += 1;
  return tf.tidy(() => tf.variable(tf.tensor1d([...values]), true, `saved-${count}`));
}

function step(optimizer: tf.Optimizer, trained: readonly tf.Variable[]): void {
  optimizer.minimize(() => tf.addN(trained.map((each) => tf.sum(tf.square(each)))), false, [
    ...trained,
  ]);
}

function numbers(trained: readonly tf.Variable[]): number[][] {
  return trained.map((each) => [...each.dataSync()]);
}

function renamed(weight: Weight): Weight {
  return { ...weight, name: `${weight.name}-2` };
}

function code(expected: string): Error {
  const error: unknown = expect.objectContaining({ name: 'PolyakError', code: expected });
  return error as Error;
}

describe('the saved averages of a swaOptimizer', () => {
  useRuntime('cpu');

  it.each<[string, (last: Weight) => Weight[], RegExp]>([
    ['one is missing', () => [], /it lacks tensors under "PolyakSWA\/0\/ema=exp.*\/average\/"/u],
    ['one is of another variable', (last) => [renamed(last)], /it lacks tensors under .*ema=/u],
    ['an average has one more', (last) => [last, renamed(last)], /it lacks tensors under .*ema=/u],
    ['one belongs to no average', (last) => [last, { ...last, name: 'x/y' }], /it has "x\/y"/u],
  ])('are refused where %s', async (_, replaced, message) => {
    const trained = [variable(1, 2), variable(3, 5)];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.25), { ...EVERY_STEP, averages: AVERAGES });
    step(optimizer, trained);
    const weights = await optimizer.getWeights();
    const given = [...weights.slice(0, -1), ...weights.slice(-1).flatMap(replaced)];
    const before = tf.memory().numTensors;
    await expect(optimizer.setWeights(given)).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(message),
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(optimizer.nAvg).toBe(1);
  });

  it('are refused by the name of the tensor that is not finite', async () => {
    const trained = [variable(1, 2), variable(3, 5)];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP);
    step(optimizer, trained);
    const weights = await optimizer.getWeights();
    const last = weights.at(-1)?.name ?? '';
    expect(last).toMatch(/average/);
    const bad = weights.map((weight) =>
      weight.name === last ? { ...weight, tensor: tf.tensor1d([1, Infinity]) } : weight,
    );
    await expect(optimizer.setWeights(bad)).rejects.toThrow(`"${last}" has NaN or infinite`);
  });

  it('are loaded where the averages are named in another order', async () => {
    const { mean, ema } = AVERAGES;
    const make = (averages: typeof AVERAGES): tf.LayersModel =>
      compiledModel(swaOptimizer(tf, tf.train.sgd(0.05), { ...EVERY_STEP, averages }));
    const first = make({ mean, ema });
    const { x, y } = data();
    await first.fit(x, y, { epochs: 4, batchSize: SAMPLES, shuffle: false, verbose: 0 });
    registerSwaOptimizer(tf, { averages: { ema, mean } });
    const second = await loaded(await saved(first));
    const { x: more, y: targets } = data();
    for (const model of [first, second]) {
      await model.fit(more, targets, { batchSize: SAMPLES, shuffle: false, verbose: 0 });
    }
    const shown: number[][] = [];
    for (const average of ['mean', 'ema']) {
      for (const { optimizer } of [first, second]) {
        (optimizer as SwaOptimizer).swapSwaSgd({ average });
      }
      expect(weightsOf(second)).toEqual(weightsOf(first));
      shown.push(weightsOf(second));
      for (const { optimizer } of [first, second]) (optimizer as SwaOptimizer).swapSwaSgd();
    }
    expect(shown[0]).not.toEqual(shown[1]);
    tf.dispose([x, y, more, targets]);
    registerSwaOptimizer(tf);
  });

  it('are missed by groups without a gradient in updates only, not in other steps', async () => {
    const make = (): { all: tf.Variable[]; optimizer: SwaOptimizer } => ({
      all: [variable(8, 1), variable(4, 2)],
      optimizer: swaOptimizer(tf, tf.train.sgd(0.125), { swaStart: 0, swaFreq: 2 }),
    });
    const trained = [0, 1, 0, 1, 0, 0, 0, 0, 1, 1];
    const [whole, first] = [make(), make()];
    for (const n of trained) step(whole.optimizer, whole.all.slice(n, n + 1));

    for (const n of trained.slice(0, 4)) step(first.optimizer, first.all.slice(n, n + 1));
    const second = swaOptimizer(tf, tf.train.sgd(0.125), { swaStart: 0, swaFreq: 2 });
    await second.setWeights(await first.optimizer.getWeights());
    for (const n of trained.slice(4)) step(second, first.all.slice(n, n + 1));

    expect([second.nAvg, second.stepCounter]).toEqual([5, 10]);
    expect(whole.optimizer.nAvg).toBe(5);
    for (const optimizer of [whole.optimizer, second]) optimizer.swapSwaSgd();
    expect(numbers(first.all)).toEqual(numbers(whole.all));
  });

  it('replace earlier ones and are freed with the optimizer, found or not', async () => {
    const trained = [variable(1, 2), variable(3, 5, 7)];
    const [first, second] = [
      swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP),
      swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP),
    ];
    for (const each of trained) step(first, [each]);
    const weights = await first.getWeights();
    await second.setWeights(weights);
    step(second, trained.slice(0, 1));
    const before = tf.memory().numTensors;
    await second.setWeights(weights);
    await second.setWeights(weights);
    expect(tf.memory().numTensors).toBe(before);
    const averages = weights.filter(({ name }) => name.includes('/average/'));
    second.dispose();
    // SGD has a tensor for its learning rate.
    expect(tf.memory().numTensors).toBe(before - averages.length - 1);
    expect(second.nAvg).toBe(0);
  });

  it('are freed where the base optimizer refuses its weights; the earlier ones stay', async () => {
    const a = variable(1, 2);
    const [first, second] = [
      swaOptimizer(tf, tf.train.momentum(0.25, 0.9), EVERY_STEP),
      swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP),
    ];
    step(first, [a]);
    const weights = await first.getWeights();
    step(second, [a]);
    const expected = numbers([a]);
    step(first, [a]);
    const before = tf.memory().numTensors;
    await expect(second.setWeights(weights)).rejects.toThrow(/SGD optimizer does not have/);
    expect(tf.memory().numTensors).toBe(before);
    second.swapSwaSgd();
    expect(numbers([a])).toEqual(expected);
  });

  it('go with a base optimizer that has no weights of its own', async () => {
    class Stateless extends tf.SGDOptimizer {
      override async getWeights(): Promise<Weight[]> {
        return [];
      }
      override async setWeights(weights: Weight[]): Promise<void> {
        expect(weights).toEqual([]);
      }
    }
    const a = variable(1, 2);
    const [first, second] = [0.25, 0.25].map((rate) =>
      swaOptimizer(tf, new Stateless(rate), EVERY_STEP),
    ) as [SwaOptimizer, SwaOptimizer];
    step(first, [a]);
    const average = numbers([a]);
    await second.setWeights(await first.getWeights());
    step(first, [a]);
    second.swapSwaSgd({ parameters: variableParameters({ a }) });
    expect(numbers([a])).toEqual(average);
  });

  it('are refused by name where the base optimizer is of an unknown class', async () => {
    class Unknown extends tf.SGDOptimizer {
      static override get className(): string {
        return 'UnknownSGD';
      }
    }
    const model = compiledModel(swaOptimizer(tf, new Unknown(0.05), EVERY_STEP));
    registerSwaOptimizer(tf);
    const artifacts = await saved(model);
    await expect(loaded(artifacts)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/does not know the optimizer "UnknownSGD"\. Call tf\.serial/u),
    });
  });

  it('are shown where parameters are given that no gradient has reached, which stay out', () => {
    const [a, other] = [variable(1, 2), variable(3, 5)];
    const warnings: string[] = [];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.25), {
      ...EVERY_STEP,
      onWarning: (message) => void warnings.push(message),
    });
    step(optimizer, [a]);
    optimizer.swapSwaSgd({ parameters: variableParameters({ a, other }) });
    optimizer.swapSwaSgd();
    step(optimizer, [a]);
    expect(() => optimizer.swapSwaSgd({ parameters: variableParameters({ other }) })).toThrow(
      code('ERR_PARAMETERS'),
    );
    expect(() => optimizer.swapSwaSgd({ parameters: variableParameters({ other }) })).toThrow(
      `the parameters lack "${a.name}", expected all`,
    );
    expect(warnings).toEqual([]);
  });
});
