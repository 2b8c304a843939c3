// Learning rates reach the next step, whatever was assigned to the optimizer's property before.
import { tfjsOptimizer, variableParameters } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

describe('the lr of a parameter group', () => {
  useRuntime('cpu');

  it.each([
    ['sgd', () => tf.train.sgd(0.5)],
    ['momentum', () => tf.train.momentum(0.5, 0.9)],
  ])('reaches %s where its learningRate was assigned the same number before', (_, make) => {
    const optimizer = make();
    const weight = tf.variable(tf.scalar(0));
    const [group] = tfjsOptimizer(tf, optimizer, variableParameters({ weight })).paramGroups;
    if (group === undefined) throw new Error('no group');
    // tfjs takes this assignment and goes on with 0.5.
    Reflect.set(optimizer, 'learningRate', 0.25);
    group.lr = 0.25;
    optimizer.minimize(() => weight.asScalar(), false, [weight]);
    expect(weight.dataSync()[0]).toBe(-0.25);
    expect(group.lr).toBe(0.25);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a name', 'sgd'],
    ['an object that takes no steps', { getClassName: () => 'SGD' }],
    ['an object without a class', { applyGradients: () => {} }],
  ])('is not that of %s, which is refused', (_, other) => {
    expect(() => tfjsOptimizer(tf, other as tf.Optimizer, [])).toThrow(
      /second argument is not a tfjs optimizer\. Pass one/u,
    );
  });

  it('is refused by name for an optimizer that has none', () => {
    const optimizer = tf.train.sgd(0.5);
    Reflect.set(optimizer, 'learningRate', undefined);
    const [group] = tfjsOptimizer(tf, optimizer, []).paramGroups;
    expect(() => group?.lr).toThrow(/SGD has no learningRate, expected a number/);
    expect(() => Object.assign(group ?? {}, { lr: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
    );
  });
});
