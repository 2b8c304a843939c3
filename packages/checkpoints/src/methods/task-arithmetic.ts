// Task arithmetic.
import { requireOptions } from '@polyak/core/kit';
import type { Block, MergeMethod } from '../merge/method.js';
import { DeltaSum, baseOf } from './deltas.js';
import { recordOf, taskOf } from './options.js';
import type { TaskOptions } from './options.js';

/**
 * Task arithmetic: adds what each model changed to the base model.
 *
 * θ = base + λ Σ w_i (θ_i - base)
 *
 * With a negative weight, what a model learned is taken away. A model that equals the base adds
 * nothing.
 *
 * @param options - see {@link TaskOptions}
 * @returns the method; it takes no pass before the merge
 * @throws TypeError or RangeError if an option is not what it should be
 * @see Ilharco et al. 2023, https://arxiv.org/abs/2212.04089
 */
export function taskArithmetic(options: TaskOptions = {}): MergeMethod {
  const given = requireOptions('taskArithmetic', options, ['lambda', 'weights']);
  const task = taskOf('taskArithmetic', given);
  const sum = new DeltaSum(task);
  return {
    kind: 'blocks',
    name: 'task-arithmetic',
    options: recordOf(task),
    needsBase: true,
    models: task.models,
    tensor: () => ({
      needsPass: false,
      add: () => undefined,
      endPass: () => undefined,
      merge: (block: Block, result: Float64Array): void => sum.merge(block, result, writeDeltas),
    }),
  };
}

function writeDeltas(
  block: Block,
  model: number,
  factor: number,
  begin: number,
  deltas: Float64Array,
  count: number,
): void {
  const base = baseOf(block);
  const values = block.models[model] as Float64Array;
  for (let i = 0; i < count; i += 1) {
    deltas[i] = factor * ((values[begin + i] as number) - (base[begin + i] as number));
  }
}
