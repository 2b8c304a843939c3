// Whose averages a swaOptimizer has loaded: variables are found by their names, by the names that
// they had before tfjs renamed them, or by their order.
import { swaOptimizer, variableParameters } from '@polyak/backend-tfjs';
import type { SwaOptimizer } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

let layers = 0;

/** Names in a layer that no other test has; its number looks like one that tfjs adds. */
function newLayer(): (name: string) => string {
  layers += 1;
  const layer = `layer_${layers}`;
  return (name) => `${layer}/${name}`;
}

function variable(name: string, ...values: readonly number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d([...values]), true, name));
}

/** Without a learning rate, so that the averages are of what a test has assigned. */
function newOptimizer(): SwaOptimizer {
  return swaOptimizer(tf, tf.train.sgd(0), { swaStart: 0, swaFreq: 1 });
}

function step(optimizer: SwaOptimizer, trained: readonly tf.Variable[]): void {
  optimizer.minimize(() => tf.addN(trained.map((each) => tf.sum(tf.square(each)))), false, [
    ...trained,
  ]);
}

/** An optimizer with the averages of another one, which has trained group after group. */
async function loadedWith(...groups: readonly tf.Variable[][]): Promise<SwaOptimizer> {
  const [first, second] = [newOptimizer(), newOptimizer()];
  for (const group of groups) step(first, group);
  await second.setWeights(await first.getWeights());
  return second;
}

function assign(trained: tf.Variable, ...values: readonly number[]): void {
  tf.tidy(() => trained.assign(tf.tensor1d([...values])));
}

function swap(optimizer: SwaOptimizer, trained: readonly tf.Variable[]): void {
  const named = trained.map((each) => [each.name, each] as const);
  optimizer.swapSwaSgd({ parameters: variableParameters(Object.fromEntries(named)) });
}

function numbers(trained: readonly tf.Variable[]): number[][] {
  return trained.map((each) => [...each.dataSync()]);
}

describe('the variables of loaded averages', () => {
  useRuntime('cpu');

  it('are found by their names, in whatever order they come', async () => {
    const name = newLayer();
    const [a, b] = [variable(name('w_1'), 1, 2), variable(name('w_2'), 3, 5)];
    const optimizer = await loadedWith([a, b]);
    for (const each of [a, b]) assign(each, 7, 8);
    swap(optimizer, [b, a]);
    expect(numbers([a, b])).toEqual([
      [1, 2],
      [3, 5],
    ]);
  });

  it('are found by the names that they had before tfjs numbered them', async () => {
    const name = newLayer();
    const saved = [variable(name('kernel'), 1, 2), variable(name('bias'), 3, 5)];
    const optimizer = await loadedWith(saved);
    const [kernel, bias] = [variable(name('kernel_12'), 7, 8), variable(name('bias_12'), 9, 4)];
    swap(optimizer, [bias, kernel]);
    expect(numbers([kernel, bias])).toEqual([
      [1, 2],
      [3, 5],
    ]);
  });

  it.each([
    ['are all the same', ['w', 'w_1'], ['w_2', 'w_3']],
    ['are the same of those that were saved', ['w', 'w_1'], ['w_2', 'v']],
    ['are the same of those that are trained', ['w', 'v'], ['w_1', 'w_2']],
    ['are others', ['w', 'v'], ['x', 'y']],
  ])('are found by their order where the names without numbers %s', async (_, before, after) => {
    const name = newLayer();
    const saved = before.map((each, n) => [variable(name(each), n + 1, 2 * n + 5)]);
    const optimizer = await loadedWith(...saved);
    const trained = after.map((each) => variable(name(each), 7, 8));
    swap(optimizer, trained);
    expect(numbers(trained)).toEqual([
      [1, 5],
      [2, 7],
    ]);
  });

  it('are found by their order in groups of several', async () => {
    const name = newLayer();
    const [a, b, c] = [variable(name('a'), 1), variable(name('b'), 2), variable(name('c'), 3)];
    const optimizer = await loadedWith([a], [b, c]);
    const trained = ['x', 'y', 'z'].map((each) => variable(name(each), 7));
    swap(optimizer, trained);
    expect(numbers(trained)).toEqual([[1], [2], [3]]);
  });

  it('are found by their names where other groups have no gradient yet', async () => {
    const name = newLayer();
    const [a, b, c] = [
      variable(name('a'), 4, 8),
      variable(name('b'), 3, 6),
      variable(name('c'), 1, 2),
    ];
    const optimizer = await loadedWith([a], [b], [c]);
    expect(optimizer.nAvg).toBe(3);
    assign(a, 8, 16);
    assign(b, 9, 12);
    assign(c, 5, 8);
    step(optimizer, [c]);
    swap(optimizer, [c, b, a]);
    // The first was averaged in three steps before, the second in two, the third in one.
    const means = [(3 * 4 + 8) / 4, (3 * 8 + 16) / 4, (2 * 3 + 9) / 3, (2 * 6 + 12) / 3, 3, 5];
    const found = numbers([a, b, c]).flat();
    means.forEach((value, index) => expect(found[index]).toBeCloseTo(value, 5));
  });

  it('are found by their shapes where only one group has a gradient', async () => {
    const name = newLayer();
    const saved = [[variable(name('a'), 1, 2)], [variable(name('b'), 3, 4, 5)]];
    const optimizer = await loadedWith(...saved);
    const [x, y] = [variable(name('x'), 3, 4), variable(name('y'), 5, 8, 9)];
    step(optimizer, [y]);
    swap(optimizer, [x, y]);
    // The first was averaged in two steps before, the second in one.
    const found = numbers([x, y]).flat();
    [(2 * 1 + 3) / 3, (2 * 2 + 4) / 3, 4, 6, 7].forEach((value, index) =>
      expect(found[index]).toBeCloseTo(value, 5),
    );
  });

  it('leave those that are new to a group of their own', async () => {
    const name = newLayer();
    const [a, late] = [variable(name('a'), 1, 2), variable(name('late'), 3, 5)];
    const optimizer = await loadedWith([a]);
    assign(a, 3, 8);
    step(optimizer, [late, a]);
    assign(late, 9, 9);
    optimizer.swapSwaSgd();
    expect(numbers([a, late])).toEqual([
      [2, 5],
      [3, 5],
    ]);
  });

  it.each<[string, Record<string, number>[], Record<string, number>]>([
    ['lack one of a group', [{ a: 2, b: 2 }], { a_1: 2 }],
    ['differ in one shape', [{ a: 2, b: 3 }], { x: 2, y: 4 }],
    ['differ in the shape of one group', [{ a: 2 }, { b: 3 }], { x: 2, y: 4 }],
    ['have the names and another shape', [{ a: 2 }, { b: 3 }], { a_1: 2, b_1: 4 }],
    ['are more and have other names', [{ a: 2 }, { b: 2 }], { x: 2, y: 2, z: 2 }],
  ])('are refused where they %s, and the averages are kept', async (_, before, after) => {
    const name = newLayer();
    const made = (lengths: Record<string, number>): tf.Variable[] =>
      Object.entries(lengths).map(([each, length], n) =>
        variable(name(each), ...Array.from({ length }, (_element, i) => n + i)),
      );
    const saved = before.map(made);
    const optimizer = await loadedWith(...saved);
    const { nAvg } = optimizer;
    const trained = made(after);
    expect(() => step(optimizer, trained)).toThrow(
      expect.objectContaining({ code: 'ERR_PARAMETERS' }),
    );
    expect([optimizer.nAvg, optimizer.stepCounter]).toEqual([nAvg, before.length]);
    swap(optimizer, saved.flat());
    expect(optimizer.isSwapped).toBe(true);
  });
});
