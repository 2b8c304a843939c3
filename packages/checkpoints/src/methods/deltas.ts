// What models changed of a base model, and how the changes are added to it: summed, or averaged
// over those that agree in their sign.
import type { Block } from '../merge/method.js';
import type { Task } from './options.js';
import { SignElection } from './sign-election.js';
import type { Election } from './sign-election.js';

/** Elements that are merged at a time, so that all their deltas stay in cache. */
export const TILE = 4096;

/** The base model's elements. */
export function baseOf({ name, base }: Block): Float64Array {
  if (base !== undefined) return base;
  throw new TypeError(`The merge of "${name}" needs the base model's elements.`);
}

/**
 * Writes the factor times the deltas of one model, from element `begin` of a block on, into
 * `deltas`. A delta is the model's element less the base's.
 */
export type WriteDeltas = (
  block: Block,
  model: number,
  factor: number,
  begin: number,
  deltas: Float64Array,
  count: number,
) => void;

/** Adds deltas to the base model. Its memory serves all tensors. */
export class DeltaSum {
  readonly #task: Task;
  readonly #deltas = new Float64Array(TILE);
  readonly #sums = new Float64Array(TILE);
  readonly #election: SignElection | undefined;

  constructor(task: Task, elect?: Election) {
    this.#task = task;
    this.#election =
      elect === undefined ? undefined : new SignElection(elect, this.#deltas, this.#sums);
  }

  /** Merges a block into `result`, a tile at a time. */
  merge(block: Block, result: Float64Array, write: WriteDeltas): void {
    const [base, sums, { lambda }] = [baseOf(block), this.#sums, this.#task];
    for (let begin = 0; begin < result.length; begin += TILE) {
      const count = Math.min(TILE, result.length - begin);
      if (this.#election === undefined) sums.fill(0, 0, count);
      else this.#election.begin(count);
      for (const model of block.models.keys()) {
        const weight = this.#task.weights?.[model] ?? 1;
        write(block, model, weight, begin, this.#deltas, count);
        if (this.#election === undefined) add(this.#deltas, sums, count);
        else this.#election.add(Math.abs(weight), count);
      }
      this.#election?.end(count);
      for (let i = 0; i < count; i += 1) {
        result[begin + i] = (base[begin + i] as number) + lambda * (sums[i] as number);
      }
    }
  }
}

function add(deltas: Float64Array, sums: Float64Array, count: number): void {
  for (let i = 0; i < count; i += 1) sums[i] = (sums[i] as number) + (deltas[i] as number);
}
