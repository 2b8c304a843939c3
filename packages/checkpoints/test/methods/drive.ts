// Merges of tensors in memory, block by block as the engine presents them.
import { BLOCK } from '@polyak/checkpoints/methods';
import type { Block, MergeMethod, TensorMerge } from '@polyak/checkpoints/methods';
import { gaussian } from '../../../../tests/support/sgd.js';

/** The same tensor of several models. */
export interface Tensors {
  readonly name: string;
  readonly models: readonly Float64Array[];
  readonly base?: Float64Array;
}

/** Calls `use` with each block of a tensor, in order. */
export function eachBlock({ name, models, base }: Tensors, use: (block: Block) => void): void {
  const elements = models[0]?.length ?? 0;
  for (let begin = 0; begin < elements; begin += BLOCK) {
    const stretch = (values: Float64Array): Float64Array => values.subarray(begin, begin + BLOCK);
    use({
      name,
      elements,
      begin,
      models: models.map(stretch),
      base: base === undefined ? undefined : stretch(base),
    });
  }
}

/** Begins the merge of a tensor. */
export function start(method: MergeMethod, { name, models }: Tensors): TensorMerge {
  return method.tensor({ name, elements: models[0]?.length ?? 0 });
}

/** Makes one pass. */
export function pass(merge: TensorMerge, tensors: Tensors): void {
  eachBlock(tensors, (block) => merge.add(block));
  merge.endPass();
}

/** Merges all blocks, after the passes. */
export function finish(merge: TensorMerge, tensors: Tensors): Float64Array {
  const merged = new Float64Array(tensors.models[0]?.length ?? 0);
  eachBlock(tensors, (block) => {
    const end = block.begin + (block.models[0]?.length ?? 0);
    merge.merge(block, merged.subarray(block.begin, end));
  });
  return merged;
}

/** A tensor's merge from its first pass to its last block, and how many passes it took. */
export function drive(
  method: MergeMethod,
  tensors: Tensors,
): { readonly merged: Float64Array; readonly passes: number } {
  const merge = start(method, tensors);
  let passes = 0;
  for (; merge.needsPass; passes += 1) pass(merge, tensors);
  return { merged: finish(merge, tensors), passes };
}

/** What `method` makes of a few numbers: of each model's, and of the base's. */
export function mergedOf(
  method: MergeMethod,
  models: readonly (readonly number[])[],
  base?: readonly number[],
): number[] {
  const tensors = { name: 'w', models: models.map((values) => Float64Array.from(values)) };
  const all = base === undefined ? tensors : { ...tensors, base: Float64Array.from(base) };
  return [...drive(method, all).merged];
}

/** Models that were tuned from a base model, with deltas of about 0.1 each. */
export function tuned(name: string, elements: number, count: number): Required<Tensors> {
  const normal = gaussian();
  const base = Float64Array.from({ length: elements }, normal);
  const shared = Float64Array.from({ length: elements }, normal);
  const models = Array.from({ length: count }, () =>
    base.map((value, i) => value + 0.05 * (shared[i] ?? 0) + 0.1 * normal()),
  );
  return { name, models, base };
}

/** Whether two arrays hold the same bits. */
export function isSame(a: Float64Array, b: Float64Array | undefined): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: Float64Array): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return b !== undefined && bytes(a).equals(bytes(b));
}
