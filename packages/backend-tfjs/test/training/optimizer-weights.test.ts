// The inner state of tfjs optimizers: copies in both directions, and states that do not fit.
import { tfjsOptimizer, variableParameters } from '@polyak/backend-tfjs';
import { recordOf } from '@polyak/core/interfaces';
import type { StateTree } from '@polyak/core';
import type { HostTensor, Optimizer } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

interface Weight {
  readonly name: string;
  readonly tensor: HostTensor;
}

interface Fixture {
  readonly optimizer: Optimizer<tf.Tensor>;
  readonly step: () => void;
}

function start(lr = 0.5): Fixture {
  const weight = tf.variable(tf.tensor1d([1, 2]));
  const base = tf.train.momentum(lr, 0.9);
  return {
    optimizer: tfjsOptimizer(tf, base, variableParameters({ weight })),
    step: () => void base.minimize(() => tf.sum(tf.square(weight)), false, [weight]),
  };
}

function weightsIn(state: StateTree): readonly Weight[] {
  return recordOf(state)['weights'] as unknown as readonly Weight[];
}

describe.each(RUNTIMES)('the state of a tfjs optimizer on %s', (runtime) => {
  useRuntime(runtime);

  it('is a copy: writes into it do not reach the optimizer, nor later steps the copy', async () => {
    const { optimizer, step } = start();
    step();
    const [state, same] = [await optimizer.stateDict(), await optimizer.stateDict()];
    step();
    expect(state).toEqual(same);
    const next = await optimizer.stateDict();
    const again = await optimizer.stateDict();
    for (const { tensor } of weightsIn(next)) (tensor.data as Float32Array).fill(7);
    expect(await optimizer.stateDict()).toEqual(again);
  });

  it('is copied when it is loaded: later writes into it do not reach the optimizer', async () => {
    const [first, second] = [start(), start()];
    first.step();
    const [state, same] = [await first.optimizer.stateDict(), await first.optimizer.stateDict()];
    await second.optimizer.loadStateDict(state);
    for (const { tensor } of weightsIn(state)) (tensor.data as Float32Array).fill(7);
    const found = weightsIn(await second.optimizer.stateDict()).map(({ tensor }) => tensor);
    expect(found).toEqual(weightsIn(same).map(({ tensor }) => tensor));
  });

  it('is loaded from before the first step, too: the momenta begin anew', async () => {
    const { optimizer, step } = start();
    const state = await optimizer.stateDict();
    expect(weightsIn(state)).toHaveLength(1);
    step();
    expect(weightsIn(await optimizer.stateDict())).toHaveLength(2);
    await optimizer.loadStateDict(state);
    expect(await optimizer.stateDict()).toEqual(state);
  });

  it('restores the learning rate', async () => {
    const [first, second] = [start(0.25), start(0.5)];
    await second.optimizer.loadStateDict(await first.optimizer.stateDict());
    expect(second.optimizer.paramGroups[0]?.lr).toBe(0.25);
  });

  it('is refused with missing weights or other shapes or lengths, and leaks nothing', async () => {
    const { optimizer, step } = start();
    step();
    const state = recordOf(await optimizer.stateDict());
    const [iterations, momentum] = weightsIn(state);
    if (iterations === undefined || momentum === undefined) throw new Error('no momentum');
    const shaped = (shape: readonly number[], length: number): Weight => ({
      name: momentum.name,
      tensor: { dtype: 'float32', shape, data: new Float32Array(length) },
    });
    const { weights: _, ...bare } = state;
    const none = { ...state, weights: [] };
    const reshaped = { ...state, weights: [iterations, shaped([3], 3)] } as unknown as StateTree;
    const states = [
      bare,
      none,
      reshaped,
      { ...state, weights: 'none' },
      { ...state, weights: [iterations, { name: momentum.name }] },
      { ...state, weights: [iterations, { name: 1, tensor: momentum.tensor }] },
      { ...state, weights: [iterations, shaped([2, 1], 2)] },
      { ...state, weights: [iterations, shaped([2], 3)] },
      { ...state, lr: '0.5' },
    ] as StateTree[];
    const before = tf.memory().numTensors;
    for (const each of states) {
      await expect(Promise.resolve(optimizer.loadStateDict(each))).rejects.toMatchObject({
        code: 'ERR_STATE',
      });
      expect(tf.memory().numTensors).toBe(before);
    }
    expect(await optimizer.stateDict()).toEqual(state);
    await expect(optimizer.loadStateDict(reshaped)).rejects.toThrow(
      `has 2 tensors, expected the 2 of Momentum; "${momentum.name}" has another shape. Load`,
    );
    await expect(optimizer.loadStateDict(none)).rejects.toThrow(
      'has 0 tensors, expected the 2 of Momentum. Load',
    );
  });
});
