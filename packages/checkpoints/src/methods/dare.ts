// DARE: drop and rescale.
import { requireOptions, requireWord } from '@polyak/core/kit';
import type { Block, MergeMethod, TensorMerge } from '../merge/method.js';
import { DeltaSum, TILE, baseOf } from './deltas.js';
import type { WriteDeltas } from './deltas.js';
import { recordOf, requireNumber, requireShare, taskOf } from './options.js';
import type { TaskOptions } from './options.js';
import { ELECTIONS } from './sign-election.js';
import type { Election } from './sign-election.js';
import { keyOf, keyOfModel, writeRandomBits } from './random-bits.js';

/** Options of {@link dare}. */
export interface DareOptions extends TaskOptions {
  /** The probability that a delta is kept, in (0, 1]; rounded to a multiple of 2^-31. */
  readonly density: number;
  /** What the random choice depends on, an integer in [0, 2^53). Default 0. */
  readonly seed?: number;
  /** As in `ties`. Default: no election, the deltas are summed. */
  readonly elect?: Election;
}

/**
 * DARE: each element of each model's deltas is dropped at random, and what is kept is divided by
 * the density. With m_i 0 or 1,
 *
 * θ = base + λ Σ w_i m_i (θ_i - base) / density,
 *
 * or with `elect` the mean of the deltas of the elected sign, as in `ties`, without its trimming.
 *
 * The random bits are a function of the seed, the index of the model, the name of the tensor and
 * the index of the element, so the result does not depend on how the work is cut. A density of 1
 * drops nothing. Where all models are dropped, the base's element is kept.
 *
 * @param options - see {@link DareOptions}
 * @returns the method; it takes no pass before the merge
 * @throws TypeError or RangeError if an option is not what it should be
 * @see Yu et al. 2024, https://arxiv.org/abs/2311.03099; mergekit's `dare_linear` and `dare_ties`
 */
export function dare(options: DareOptions): MergeMethod {
  const known = ['density', 'elect', 'lambda', 'seed', 'weights'];
  const given = requireOptions('dare', options, known);
  const { density, seed = 0, elect } = given;
  requireShare('dare', 'density', density);
  const isSeed = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  requireNumber('dare', 'seed', seed, isSeed, 'an integer in [0, 2^53)');
  if (elect !== undefined) requireWord('dare', 'elect', elect, ELECTIONS);
  const task = taskOf('dare', given);
  const [sum, bits] = [new DeltaSum(task, elect), new Uint32Array(TILE)];
  return {
    kind: 'blocks',
    name: 'dare',
    options: { density, seed, ...(elect === undefined ? {} : { elect }), ...recordOf(task) },
    needsBase: true,
    models: task.models,
    tensor: ({ name }) => new DareTensor(name, { density, seed, sum, bits }),
  };
}

interface Dare {
  readonly density: number;
  readonly seed: number;
  readonly sum: DeltaSum;
  /** Memory for the bits of a tile. */
  readonly bits: Uint32Array;
}

class DareTensor implements TensorMerge {
  readonly needsPass = false;
  readonly #dare: Dare;
  /** Elements with smaller 31 bits are kept. */
  readonly #threshold: number;
  /** The factors of a delta that is dropped, and of one that is kept. */
  readonly #factors = new Float64Array(2);
  readonly #key: Uint32Array;
  readonly #modelKeys: Uint32Array[] = [];

  constructor(name: string, settings: Dare) {
    this.#dare = settings;
    this.#key = keyOf(settings.seed, name);
    this.#threshold = Math.max(1, Math.round(settings.density * 2 ** 31));
  }

  add(): void {}

  endPass(): void {}

  merge(block: Block, result: Float64Array): void {
    this.#dare.sum.merge(block, result, this.#write);
  }

  readonly #write: WriteDeltas = (block, index, factor, begin, deltas, count) => {
    const { bits } = this.#dare;
    const key = (this.#modelKeys[index] ??= keyOfModel(this.#key, index));
    writeRandomBits(key, block.begin + begin, bits, count);
    const [base, model] = [baseOf(block), block.models[index] as Float64Array];
    const [threshold, factors] = [this.#threshold | 0, this.#factors];
    factors[1] = factor * (2 ** 31 / this.#threshold);
    for (let i = 0; i < count; i += 1) {
      const delta = (model[begin + i] as number) - (base[begin + i] as number);
      // The sign of the difference: a branch would be as random as the bits.
      const keeps = (((bits[i] as number) >>> 1) - threshold) >>> 31;
      deltas[i] = delta * (factors[keeps] as number);
    }
  };
}
