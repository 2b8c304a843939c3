// TIES: trim, elect signs, merge.
import { requireOptions, requireWord } from '@polyak/core/kit';
import type { Block, MergeMethod, TensorMerge } from '../merge/method.js';
import { DeltaSum, baseOf } from './deltas.js';
import type { WriteDeltas } from './deltas.js';
import { KthLargest, Magnitudes } from './kth-largest.js';
import { recordOf, requireShare, taskOf } from './options.js';
import type { TaskOptions } from './options.js';
import { ELECTIONS } from './sign-election.js';
import type { Election } from './sign-election.js';

/** Options of {@link ties}. */
export interface TiesOptions extends TaskOptions {
  /** The share of the elements of each tensor whose delta is kept, in (0, 1]; the paper has 0.2. */
  readonly density: number;
  /** How signs are elected: by the sum of the weighted deltas, or by their number. Default sum. */
  readonly elect?: Election;
}

/**
 * TIES-merging: of each model's deltas, θ_i - base, the largest are kept; each element gets the
 * sign that wins; and the deltas with that sign are averaged.
 *
 * θ = base + λ Σ w_i δ_i / Σ |w_i|, over the models whose w_i δ_i has the elected sign
 *
 * Per tensor, floor(density · n) of n deltas are kept, at least one: those whose magnitude is at
 * least that of the last of them, so that equal magnitudes at the threshold are all kept. Where no
 * sign wins (all deltas are 0 or trimmed, or the vote is even), the base's element is kept. A
 * density of 1 trims nothing.
 *
 * @param options - see {@link TiesOptions}
 * @returns the method; most tensors take two passes before the merge, small ones one
 * @throws TypeError or RangeError if an option is not what it should be
 * @see Yadav et al. 2023, https://arxiv.org/abs/2306.01708; mergekit's `ties`, with `normalize`
 */
export function ties(options: TiesOptions): MergeMethod {
  const given = requireOptions('ties', options, ['density', 'elect', 'lambda', 'weights']);
  const { density, elect = 'sum' } = given;
  requireShare('ties', 'density', density);
  requireWord('ties', 'elect', elect, ELECTIONS);
  const task = taskOf('ties', given);
  const [sum, magnitudes] = [new DeltaSum(task, elect), new Magnitudes()];
  return {
    kind: 'blocks',
    name: 'ties',
    options: { density, elect, ...recordOf(task) },
    needsBase: true,
    models: task.models,
    tensor: ({ elements }) => new TiesTensor(elements, density, sum, magnitudes),
  };
}

class TiesTensor implements TensorMerge {
  needsPass: boolean;
  readonly #elements: number;
  readonly #rank: number;
  readonly #sum: DeltaSum;
  readonly #magnitudes: Magnitudes;
  readonly #selections: KthLargest[] = [];

  constructor(elements: number, density: number, sum: DeltaSum, magnitudes: Magnitudes) {
    this.#elements = elements;
    this.#rank = Math.max(1, Math.floor(density * elements));
    this.#sum = sum;
    this.#magnitudes = magnitudes;
    this.needsPass = this.#rank < elements;
  }

  add(block: Block): void {
    const [base, { values }] = [baseOf(block), this.#magnitudes];
    for (const [index, model] of block.models.entries()) {
      const selection = (this.#selections[index] ??= new KthLargest(this.#elements, this.#rank));
      if (!selection.needsPass) continue;
      for (let i = 0; i < model.length; i += 1) {
        const magnitude = Math.abs((model[i] as number) - (base[i] as number));
        // NaN counts as the largest, so that it is kept.
        values[i] = magnitude >= 0 ? magnitude : Infinity;
      }
      selection.add(this.#magnitudes, model.length);
    }
  }

  endPass(): void {
    for (const selection of this.#selections) selection.endPass();
    this.needsPass = this.#selections.some((selection) => selection.needsPass);
  }

  merge(block: Block, result: Float64Array): void {
    this.#sum.merge(block, result, this.#write);
  }

  readonly #write: WriteDeltas = (block, index, factor, begin, deltas, count) => {
    const base = baseOf(block);
    const model = block.models[index] as Float64Array;
    const threshold = this.#selections[index]?.value ?? 0;
    for (let i = 0; i < count; i += 1) {
      const delta = (model[begin + i] as number) - (base[begin + i] as number);
      deltas[i] = Math.abs(delta) < threshold ? 0 : factor * delta;
    }
  };
}
