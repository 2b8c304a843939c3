// The powers of Adam's betas in the state of an optimizer: to the bit, and in [0, 1].
import { tfjsOptimizer } from '@polyak/backend-tfjs';
import type { StateTree } from '@polyak/core';
import type { Optimizer } from '@polyak/core/interfaces';
import { recordOf } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

function start(steps: number): Optimizer<tf.Tensor> {
  const weight = tf.variable(tf.tensor1d([1, 2]));
  const adam = tf.train.adam(0.05, 0.87, 0.997);
  for (let n = 0; n < steps; n += 1) {
    adam.minimize(() => tf.sum(tf.square(weight)), false, [weight]);
  }
  return tfjsOptimizer(tf, adam, []);
}

async function powersOf(optimizer: Optimizer<tf.Tensor>): Promise<StateTree | undefined> {
  return recordOf(await optimizer.stateDict())['betaPowers'];
}

describe('the powers of betas', () => {
  useRuntime('cpu');

  it('are loaded as they were saved, where tfjs computes others', async () => {
    const first = start(15);
    const powers = (await powersOf(first)) as readonly number[];
    expect(powers).not.toEqual([0.87 ** 16, 0.997 ** 16].map(Math.fround));
    const second = start(1);
    await second.loadStateDict(await first.stateDict());
    expect(await powersOf(second)).toEqual(powers);
  });

  it.each([[[0, 1]], [[1, 0]], [[0.25, 0.5]]])('may be %j', async (betaPowers) => {
    const optimizer = start(1);
    const state = recordOf(await optimizer.stateDict());
    await optimizer.loadStateDict({ ...state, betaPowers });
    expect(await powersOf(optimizer)).toEqual(betaPowers);
  });

  it.each([
    [[0.25]],
    [[0.25, 0.5, 0.75]],
    [[-0.25, 0.5]],
    [[0.5, -0.25]],
    [[0.5, 1.25]],
    [['0.25', 0.5]],
    ['0.25'],
  ])('may not be %j', async (betaPowers) => {
    const optimizer = start(1);
    const state = recordOf(await optimizer.stateDict());
    await expect(
      Promise.resolve(optimizer.loadStateDict({ ...state, betaPowers })),
    ).rejects.toMatchObject({ code: 'ERR_STATE' });
    expect(await optimizer.stateDict()).toEqual(state);
  });
});
