// What swaOptimizer averages: the variables that it has seen gradients of, whenever they come.
import { swaOptimizer, variableParameters } from '@polyak/backend-tfjs';
import type { SwaOptimizer } from '@polyak/backend-tfjs';
import type { AveragedReport } from '@polyak/core';
import { exponential } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { mean } from './training.js';

const EVERY_STEP = { swaStart: 0, swaFreq: 1 };

let count = 0;

function variable(...values: readonly number[]): tf.Variable {
  count += 1;
  return tf.tidy(() => tf.variable(tf.tensor1d([...values]), true, `own-${count}`));
}

function step(optimizer: tf.Optimizer, trained: readonly tf.Variable[]): void {
  optimizer.minimize(() => tf.addN(trained.map((each) => tf.sum(tf.square(each)))), false, [
    ...trained,
  ]);
}

function numbers(trained: readonly tf.Variable[]): number[][] {
  return trained.map((each) => [...each.dataSync()]);
}

/** Weights as `getWeights` gave them, copied. */
async function saved(optimizer: SwaOptimizer): Promise<{ name: string; tensor: tf.Tensor }[]> {
  return (await optimizer.getWeights()).map(({ name, tensor }) => ({
    name,
    tensor: tensor.clone(),
  }));
}

describe.each(RUNTIMES)('swaOptimizer on %s', (runtime) => {
  useRuntime(runtime);

  it('averages a branch that has no gradient in every other step, as a GAN trains', () => {
    const [generator, critic] = [variable(1, 2), variable(3, 4, 5)];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.125), EVERY_STEP);
    const visited: number[][] = [];
    for (let n = 0; n < 6; n += 1) {
      step(optimizer, [n % 2 === 0 ? critic : generator]);
      if (n > 0) visited.push(numbers([generator, critic]).flat());
    }
    expect([optimizer.nAvg, optimizer.stepCounter]).toEqual([6, 6]);
    const live = numbers([generator, critic]);
    optimizer.swapSwaSgd();
    // The generator was seen from the second step on; the critic from the first.
    const found = generator.dataSync();
    mean(visited)
      .slice(0, 2)
      .forEach((value, i) => expect(found[i]).toBeCloseTo(value, 6));
    optimizer.swapSwaSgd();
    expect(numbers([generator, critic])).toEqual(live);
  });

  it('takes gradients by name, as minimize gives those of all variables', () => {
    const [a, b] = [variable(1, 2), variable(3, 5)];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.5), EVERY_STEP);
    tf.tidy(() =>
      optimizer.applyGradients({ [b.name]: tf.tensor1d([2, 4]), [a.name]: tf.tensor1d([4, 2]) }),
    );
    const visited = numbers([a, b]);
    expect(visited).toEqual([
      [-1, 1],
      [2, 3],
    ]);
    for (const each of [a, b]) tf.tidy(() => each.assign(tf.tensor1d([7, 8])));
    optimizer.swapSwaSgd();
    expect(numbers([a, b])).toEqual(visited);
  });

  it.each([null, undefined])('passes over a variable whose gradient is %s', (none) => {
    const [a, b] = [variable(1, 2), variable(3, 5)];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.5), EVERY_STEP);
    tf.tidy(() => {
      const gradient = none as unknown as tf.Tensor;
      optimizer.applyGradients([
        { name: b.name, tensor: gradient },
        { name: a.name, tensor: tf.tensor1d([4, 2]) },
      ]);
      b.assign(tf.tensor1d([7, 8]));
      a.assign(tf.tensor1d([7, 8]));
    });
    optimizer.swapSwaSgd();
    expect(numbers([a, b])).toEqual([
      [-1, 1],
      [7, 8],
    ]);
  });

  it('leaves gradients whose names are of no variable to the base optimizer', () => {
    const base = tf.train.sgd(0.5);
    const received: string[] = [];
    base.applyGradients = (gradients) => void received.push(...Object.keys(gradients));
    const optimizer = swaOptimizer(tf, base, EVERY_STEP);
    tf.tidy(() => optimizer.applyGradients({ nobody: tf.tensor1d([1, 2]) }));
    expect(received).toEqual(['nobody']);
    expect(optimizer.nAvg).toBe(0);
  });

  it('takes a step without gradients, and averages nothing', () => {
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.5), EVERY_STEP);
    optimizer.applyGradients([]);
    expect([optimizer.nAvg, optimizer.iterations]).toEqual([0, 1]);
  });

  it('lets variables join late, at the steps of the others and with a mean of their own', () => {
    const [head, base] = [variable(8), variable(4, 2)];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.125), { swaStart: 2, swaFreq: 2 });
    for (let n = 0; n < 4; n += 1) step(optimizer, [head]);
    const visited: number[][] = [];
    for (let n = 5; n <= 8; n += 1) {
      step(optimizer, [base, head]);
      if (n % 2 === 0) visited.push([...base.dataSync()]);
    }
    expect([optimizer.nAvg, optimizer.stepCounter]).toEqual([3, 8]);
    optimizer.swapSwaSgd();
    const found = base.dataSync();
    mean(visited).forEach((value, i) => expect(found[i]).toBeCloseTo(value, 6));
  });

  it('finds late ones and branches again after a load, in whatever order they come', async () => {
    const make = (): { all: tf.Variable[]; optimizer: SwaOptimizer } => ({
      all: [variable(8), variable(4, 2), variable(1, 5)],
      optimizer: swaOptimizer(tf, tf.train.sgd(0.125), EVERY_STEP),
    });
    const [whole, first] = [make(), make()];
    const train = ({ all: [a, b, c], optimizer }: typeof whole, from: number, to: number): void => {
      for (let n = from; n < to; n += 1) {
        step(optimizer, (n % 2 === 0 ? [c, a] : [b]) as tf.Variable[]);
      }
    };
    train(whole, 0, 7);
    train(first, 0, 3);
    const second = swaOptimizer(tf, tf.train.sgd(0.125), EVERY_STEP);
    await second.setWeights(await saved(first.optimizer));
    expect([second.nAvg, second.stepCounter]).toEqual([3, 3]);
    train({ ...first, optimizer: second }, 3, 4);
    // What nobody has asked for yet is saved again.
    const third = swaOptimizer(tf, tf.train.sgd(0.125), EVERY_STEP);
    await third.setWeights(await saved(second));
    train({ ...first, optimizer: third }, 4, 7);
    expect([third.nAvg, third.stepCounter]).toEqual([whole.optimizer.nAvg, 7]);
    for (const optimizer of [whole.optimizer, third]) optimizer.swapSwaSgd();
    expect(numbers(first.all)).toEqual(numbers(whole.all));
  });

  it('refuses loaded averages of other shapes, naming both, and keeps them', async () => {
    const [a, b] = [variable(1, 2), variable(1, 2, 3)];
    const first = swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP);
    step(first, [a]);
    const second = swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP);
    await second.setWeights(await saved(first));
    expect(() => step(second, [b])).toThrow(
      /variables are "own-\d+" \[3\], expected those of the loaded averages, "own-\d+" \[2\]/,
    );
    expect(second.nAvg).toBe(1);
    step(second, [a]);
    expect(second.nAvg).toBe(2);
  });

  it('refuses saved averages that are not finite or not complete', async () => {
    const a = variable(1, 2);
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP);
    step(optimizer, [a]);
    const weights = await saved(optimizer);
    const before = tf.memory().numTensors;
    const bad = weights.map(({ name, tensor }) => ({
      name,
      tensor: name.includes('/average/') ? tf.tensor1d([1, NaN]) : tensor,
    }));
    await expect(optimizer.setWeights(bad)).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringMatching(/"PolyakSWA\/0\/swa=equal\/average\/own-\d+" has NaN/u),
    });
    await expect(optimizer.setWeights(weights.slice(0, -1))).rejects.toMatchObject({
      code: 'ERR_STATE',
    });
    tf.dispose(
      bad.filter((_, n) => bad[n]?.tensor !== weights[n]?.tensor).map(({ tensor }) => tensor),
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(optimizer.nAvg).toBe(1);
    optimizer.swapSwaSgd({ parameters: variableParameters({ a }) });
    expect(optimizer.isSwapped).toBe(true);
  });

  it('takes the options of SWA: a rule, a compensated accumulator, reports and warnings', () => {
    const a = variable(1, 2);
    const reports: AveragedReport[] = [];
    const warnings: string[] = [];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.125), {
      swaStart: 1.5,
      swaFreq: 1,
      rule: exponential(0.5),
      compensated: true,
      onUpdate: (report) => {
        if (report.kind === 'averaged') reports.push(report);
      },
      onWarning: (message) => void warnings.push(message),
    });
    const visited: number[][] = [];
    for (let n = 0; n < 4; n += 1) {
      step(optimizer, [a]);
      if (n > 0) visited.push([...a.dataSync()]);
    }
    expect(warnings).toEqual([expect.stringContaining('swaStart is 1.5')]);
    expect(reports.map(({ nAvg, weight }) => [nAvg, weight])).toEqual([
      [1, 1],
      [2, 0.5],
      [3, 0.5],
    ]);
    optimizer.swapSwaSgd();
    const [x = [], y = [], z = []] = visited;
    [0, 1].forEach((i) =>
      expect(a.dataSync()[i]).toBeCloseTo((x[i] ?? 0) / 4 + (y[i] ?? 0) / 4 + (z[i] ?? 0) / 2, 6),
    );
  });

  it.each([
    ['assigned', (optimizer: SwaOptimizer): void => void (optimizer.learningRate = 0.25)],
    ['set', (optimizer: SwaOptimizer): void => optimizer.setLearningRate(0.25)],
  ])('takes a learning rate that is %s in the middle of a run', (_, set) => {
    const a = variable(1);
    const optimizer = swaOptimizer(tf, tf.train.sgd(0), { swaStart: 100, swaFreq: 1 });
    step(optimizer, [a]);
    expect(a.dataSync()[0]).toBe(1);
    set(optimizer);
    expect(optimizer.learningRate).toBe(0.25);
    step(optimizer, [a]);
    expect(a.dataSync()[0]).toBe(0.5);
  });
});
