import { modelParameters, registerSwaOptimizer, swaOptimizer } from '@polyak/backend-tfjs';
import type { SwaOptimizer } from '@polyak/backend-tfjs';
import { PolyakError } from '@polyak/core';
import { equal, exponential, lastK } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { compiledModel, data, loaded, mean, saved, SAMPLES, weightsOf } from './training.js';

const OPTIONS = { swaStart: 3, swaFreq: 2, swaLr: 0.02 };

function start(): { model: tf.LayersModel; optimizer: SwaOptimizer } {
  const optimizer = swaOptimizer(tf, tf.train.momentum(0.05, 0.9), OPTIONS);
  return { model: compiledModel(optimizer), optimizer };
}

/** Trains a number of steps; every batch is the whole set, so that the order does not matter. */
async function train(
  model: tf.LayersModel,
  epochs: number,
  onStep: () => void = () => {},
): Promise<void> {
  const { x, y } = data();
  await model.fit(x, y, {
    epochs,
    batchSize: SAMPLES,
    shuffle: false,
    verbose: 0,
    callbacks: { onEpochEnd: async () => onStep() },
  });
  tf.dispose([x, y]);
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => PolyakError.is(error) && error.code === expected;
}

describe.each(RUNTIMES)('swaOptimizer on %s', (runtime) => {
  useRuntime(runtime);

  it('averages what fit visits, and switches the rate', async () => {
    const { model, optimizer } = start();
    const visited: number[][] = [];
    const rates: number[] = [];
    await train(model, 9, () => {
      rates.push(Number(Reflect.get(optimizer.base, 'learningRate')));
      if (optimizer.stepCounter > 3 && optimizer.stepCounter % 2 === 0)
        visited.push(weightsOf(model));
    });
    expect([optimizer.nAvg, optimizer.stepCounter, optimizer.iterations]).toEqual([3, 9, 9]);
    expect(rates).toEqual([0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02]);
    const live = weightsOf(model);
    optimizer.swapSwaSgd();
    const found = weightsOf(model);
    mean(visited).forEach((value, index) => expect(found[index]).toBeCloseTo(value, 6));
    optimizer.swapSwaSgd();
    expect(weightsOf(model)).toEqual(live);
  });

  it('survives save and reload bit for bit, and swaps right after', async () => {
    const whole = start();
    await train(whole.model, 9);

    const first = start();
    await train(first.model, 6);
    registerSwaOptimizer(tf);
    const model = await loaded(await saved(first.model));
    const optimizer = model.optimizer as SwaOptimizer;
    expect([optimizer.nAvg, optimizer.stepCounter]).toEqual([2, 6]);
    first.optimizer.swapSwaSgd();
    expect(() => optimizer.swapSwaSgd()).toThrow(/parameters: modelParameters\(model\)/);
    optimizer.swapSwaSgd({ parameters: modelParameters(model) });
    expect(weightsOf(model)).toEqual(weightsOf(first.model));
    optimizer.swapSwaSgd();

    await train(model, 3);
    expect([optimizer.nAvg, optimizer.stepCounter]).toEqual([3, 9]);
    expect(weightsOf(model)).toEqual(weightsOf(whole.model));
    for (const each of [optimizer, whole.optimizer]) each.swapSwaSgd();
    expect(weightsOf(model)).toEqual(weightsOf(whole.model));
  });

  it('goes on bit for bit with Adam, whose powers of beta tfjs does not save', async () => {
    const make = (): tf.LayersModel =>
      compiledModel(swaOptimizer(tf, tf.train.adam(0.05, 0.87, 0.997), OPTIONS));
    registerSwaOptimizer(tf);
    for (const steps of [0, 3, 15]) {
      const whole = make();
      await train(whole, steps + 5);
      const first = make();
      await train(first, steps);
      const second = await loaded(await saved(first));
      // What was loaded is saved again, before a step.
      const third = await loaded(await saved(second));
      await train(third, 5);
      expect(weightsOf(third)).toEqual(weightsOf(whole));
      for (const { optimizer } of [third, whole]) (optimizer as SwaOptimizer).swapSwaSgd();
      expect(weightsOf(third)).toEqual(weightsOf(whole));
    }
  });

  it('saves several averages, residuals and windows, right after a load too', async () => {
    const averages = { ema: exponential(0.9999), last: lastK(2), mean: equal() };
    const make = (): { model: tf.LayersModel; optimizer: SwaOptimizer } => {
      const options = { swaStart: 1, swaFreq: 1, averages };
      const optimizer = swaOptimizer(tf, tf.train.momentum(0.05, 0.9), options);
      return { model: compiledModel(optimizer), optimizer };
    };
    const whole = make();
    await train(whole.model, 8);
    const first = make();
    await train(first.model, 5);
    registerSwaOptimizer(tf, { averages });
    const second = await loaded(await saved(first.model));
    const third = await loaded(await saved(second));
    await train(third, 3);
    for (const average of ['ema', 'last', 'mean']) {
      for (const { optimizer } of [whole, third]) {
        (optimizer as SwaOptimizer).swapSwaSgd({ average });
      }
      expect(weightsOf(third)).toEqual(weightsOf(whole.model));
      for (const { optimizer } of [whole, third]) (optimizer as SwaOptimizer).swapSwaSgd();
    }
    registerSwaOptimizer(tf);
    await expect(loaded(await saved(third))).rejects.toThrow(
      /"swa" by equal.*registerSwaOptimizer/,
    );
  });

  it('refuses to load other rules, before the first average too', async () => {
    const options = { swaStart: 100, swaFreq: 1 };
    const model = compiledModel(
      swaOptimizer(tf, tf.train.sgd(0.05), { ...options, rule: exponential(0.5) }),
    );
    await train(model, 1);
    registerSwaOptimizer(tf);
    const artifacts = await saved(model);
    await expect(loaded(artifacts)).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(
        /optimizer, "swa" by equal: it has "swa" by exponential\(0\.5\)\. Pass register/u,
      ),
    });
    registerSwaOptimizer(tf, { averages: { camelName: exponential(0.5) } });
    await expect(loaded(artifacts)).rejects.toThrow(/"camelName" by exponential\(0\.5\): it has/u);
    registerSwaOptimizer(tf, { rule: exponential(0.5) });
    expect((await loaded(artifacts)).optimizer.getClassName()).toBe('PolyakSWA');
  });

  it('works in a loop without await, and leaks nothing', () => {
    const weight = tf.variable(tf.tensor1d([0, 0]));
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.5), { swaStart: 0, swaFreq: 1 });
    const step = (): void => {
      optimizer.minimize(() => tf.sum(tf.squaredDifference(weight, 1)), false, [weight]);
    };
    step();
    const before = tf.memory().numTensors;
    for (let n = 0; n < 20; n += 1) step();
    expect(tf.memory().numTensors).toBe(before);
    expect(optimizer.nAvg).toBe(21);
  });

  it('refuses NaN by name and keeps the average', () => {
    const weight = tf.variable(tf.tensor1d([1, 1]), true, `nan-${runtime}`);
    const optimizer = swaOptimizer(tf, tf.train.sgd(1), { swaStart: 0, swaFreq: 1 });
    const step = (factor: number): void => {
      optimizer.minimize(() => tf.sum(tf.mul(weight, factor)), false, [weight]);
    };
    step(0);
    expect(() => step(NaN)).toThrow(new RegExp(`nan-${runtime}`));
    expect([optimizer.nAvg, optimizer.stepCounter]).toEqual([1, 1]);
    optimizer.swapSwaSgd();
    expect([...weight.dataSync()]).toEqual([1, 1]);
  });

  it('refuses no mode, a step or save while swapped, a swap too early or of others', async () => {
    expect(() => swaOptimizer(tf, tf.train.sgd(1), {})).toThrow(RangeError);
    const { model, optimizer } = start();
    expect(() => optimizer.swapSwaSgd()).toThrow(expect.toSatisfy(code('ERR_NO_AVERAGES')));
    await train(model, 5);
    const others = { parameters: modelParameters(model).slice(1) };
    expect(() => optimizer.swapSwaSgd(others)).toThrow(expect.toSatisfy(code('ERR_PARAMETERS')));
    expect(() => optimizer.swapSwaSgd({ average: 'ema' })).toThrow(RangeError);
    optimizer.swapSwaSgd();
    await expect(train(model, 1)).rejects.toSatisfy(code('ERR_SWAPPED'));
    await expect(saved(model)).rejects.toSatisfy(code('ERR_SWAPPED'));
    expect(() => optimizer.dispose()).toThrow(expect.toSatisfy(code('ERR_SWAPPED')));
  });
});
