// What models changed of a base model, and how the changes are added to it: summed, or averaged
// over those that agree in their sign.
import type { Block } from '../merge/method.js';
import type { Task } from './options.js';

/** How the sign of an element is elected: by the sum of the weighted deltas, or by their number. */
export type Election = 'sum' | 'count';

/** The names of the elections. */
export const ELECTIONS: readonly Election[] = ['sum', 'count'];

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
  readonly #elect: Election | undefined;
  readonly #deltas: Float64Array[] = [];
  readonly #sums = new Float64Array(TILE);
  readonly #votes = new Float64Array(TILE);
  readonly #weights = new Float64Array(TILE);

  constructor(task: Task, elect?: Election) {
    this.#task = task;
    this.#elect = elect;
  }

  /** Merges a block into `result`, a tile at a time. */
  merge(block: Block, result: Float64Array, write: WriteDeltas): void {
    const base = baseOf(block);
    while (this.#deltas.length < block.models.length) this.#deltas.push(new Float64Array(TILE));
    for (let begin = 0; begin < result.length; begin += TILE) {
      const count = Math.min(TILE, result.length - begin);
      for (const model of block.models.keys()) {
        const deltas = this.#deltas[model] as Float64Array;
        write(block, model, this.#weightOf(model), begin, deltas, count);
      }
      if (this.#elect === undefined) this.#sum(block.models.length, count);
      else this.#average(block.models.length, count, this.#elect);
      const { lambda } = this.#task;
      for (let i = 0; i < count; i += 1) {
        result[begin + i] = (base[begin + i] as number) + lambda * (this.#sums[i] as number);
      }
    }
  }

  #weightOf(model: number): number {
    return this.#task.weights?.[model] ?? 1;
  }

  #sum(models: number, count: number): void {
    const sums = this.#sums.fill(0);
    for (let model = 0; model < models; model += 1) add(this.#deltas[model], sums, count);
  }

  // The mean of the deltas that have the elected sign: 0 where no sign is elected.
  #average(models: number, count: number, elect: Election): void {
    const votes = this.#votes.fill(0);
    for (let model = 0; model < models; model += 1) {
      (elect === 'sum' ? add : addSigns)(this.#deltas[model], votes, count);
    }
    const [sums, weights] = [this.#sums.fill(0), this.#weights.fill(0)];
    for (let model = 0; model < models; model += 1) {
      const deltas = this.#deltas[model] as Float64Array;
      const weight = Math.abs(this.#weightOf(model));
      for (let i = 0; i < count; i += 1) {
        const [delta, vote] = [deltas[i] as number, votes[i] as number];
        if (!(vote > 0 ? delta > 0 : vote < 0 && delta < 0)) continue;
        sums[i] = (sums[i] as number) + delta;
        weights[i] = (weights[i] as number) + weight;
      }
    }
    for (let i = 0; i < count; i += 1) {
      const vote = votes[i] as number;
      // A vote that is neither is 0 or NaN, and NaN must not get lost.
      sums[i] = vote > 0 || vote < 0 ? (sums[i] as number) / (weights[i] as number) : vote;
    }
  }
}

function add(deltas: Float64Array | undefined, sums: Float64Array, count: number): void {
  if (deltas === undefined) return;
  for (let i = 0; i < count; i += 1) sums[i] = (sums[i] as number) + (deltas[i] as number);
}

function addSigns(deltas: Float64Array | undefined, sums: Float64Array, count: number): void {
  if (deltas === undefined) return;
  for (let i = 0; i < count; i += 1) {
    sums[i] = (sums[i] as number) + Math.sign(deltas[i] as number);
  }
}
