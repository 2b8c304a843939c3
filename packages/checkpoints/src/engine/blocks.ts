// Merges with a method that is more than a weighted sum, block by block, after the passes over the
// whole tensor that it asks for.
import type { SumDType } from '@polyak/backend-cpu/sums';
import { bytesOf } from '../merge/float-dtypes.js';
import { BLOCK } from '../merge/method.js';
import type { Block, MergeMethod, TensorMerge } from '../merge/method.js';
import type { OutputDType } from '../merge/float-dtypes.js';
import type { MergePlan } from '../merge/plan.js';
import type { Segment } from '../merge/segments.js';
import type { MergeMemory } from './memory.js';
import { alignedAt, float64At } from './memory.js';
import { overflowError, refusal } from './non-finite.js';
import { loadedUnits } from './read-ahead.js';
import type { RunState } from './run-state.js';
import type { Placed, Unit } from './units.js';
import { unitsOf } from './units.js';

/** Options of passes over a tensor. */
interface PassOptions {
  /** The bytes of a slot. */
  readonly slotLength: number;
  /** Called after each unit. */
  readonly onRead: (unit: Unit) => void;
}

/** Merges the tensors of a method, one after the other. */
export class BlockMerger {
  readonly #plan: MergePlan;
  readonly #method: MergeMethod;
  readonly #memory: MergeMemory;
  readonly #state: RunState;
  readonly #slotLength: number;
  readonly #onRead: (unit: Unit) => void;
  /** Elements of each operand, and of the result. */
  readonly #elements: readonly Float64Array[];
  #open: { readonly name: string; readonly merge: TensorMerge } | undefined;

  constructor(
    plan: MergePlan,
    method: MergeMethod,
    memory: MergeMemory,
    state: RunState,
    { slotLength, onRead }: PassOptions,
  ) {
    this.#plan = plan;
    this.#method = method;
    this.#memory = memory;
    this.#state = state;
    this.#slotLength = slotLength;
    this.#onRead = onRead;
    this.#elements = memory.blocks.map((address) => float64At(memory, address, BLOCK));
  }

  /**
   * Merges a segment of kind `blocks`.
   *
   * @param placed - the segment; addresses are relative to `slot`
   * @param slot - the address of its slot
   */
  async merge(placed: Placed, slot: number): Promise<void> {
    const { segment } = placed;
    const merge = await this.#mergeOf(placed, slot);
    const { kernels, aligned, blocks } = this.#memory;
    const { size } = segment;
    const dtype = segment.dtype as OutputDType;
    for (const block of this.#blocksOf(placed, slot)) {
      const at = block.begin - segment.begin;
      const count = lengthOf(block);
      const result = this.#elements.at(-1) as Float64Array;
      merge.merge(block, count === BLOCK ? result : result.subarray(0, count));
      this.#addChecksums(placed, slot, at, count);
      const target = slot + placed.result + at * size;
      const isAligned = target % size === 0;
      const rounded = isAligned ? target : aligned;
      if (!kernels.round(blocks.at(-1) as number, rounded, dtype, count)) {
        throw overflowError(segment, at, count, this.#state);
      }
      if (!isAligned) kernels.bytes.copyWithin(target, rounded, rounded + count * size);
    }
  }

  async #mergeOf(placed: Placed, slot: number): Promise<TensorMerge> {
    const tensor = placed.segment.tensor as { readonly name: string; readonly elements: number };
    if (this.#open?.name === tensor.name) return this.#open.merge;
    const merge = this.#method.tensor(tensor);
    const isWhole = placed.segment.byteLength === tensor.elements * placed.segment.size;
    while (merge.needsPass) {
      if (isWhole) for (const block of this.#blocksOf(placed, slot)) merge.add(block);
      else await this.#pass(tensor.name, merge);
      merge.endPass();
    }
    this.#open = { name: tensor.name, merge };
    return merge;
  }

  async #pass(name: string, merge: TensorMerge): Promise<void> {
    const segments = [...this.#plan.segments.of(name, 0, 0)];
    for (const { operands } of segments) {
      for (const { byteLength } of operands) this.#state.total += byteLength;
    }
    const units = unitsOf(segments, this.#slotLength);
    const { passSlots, kernels } = this.#memory;
    for await (const { unit, slot } of loadedUnits(units, passSlots, kernels.bytes)) {
      for (const placed of unit.placed) {
        for (const block of this.#blocksOf(placed, slot.address)) merge.add(block);
      }
      this.#onRead(unit);
    }
  }

  /** The blocks of a segment. Each is valid until the next. */
  *#blocksOf(placed: Placed, slot: number): Generator<Block> {
    const { segment, addresses } = placed;
    const { name, elements } = segment.tensor as {
      readonly name: string;
      readonly elements: number;
    };
    const count = segment.byteLength / segment.size;
    for (let at = 0; at < count; at += BLOCK) {
      const length = Math.min(BLOCK, count - at);
      const values = segment.operands.map(({ dtype, input }, i) => {
        const from = dtype as SumDType;
        const address = slot + (addresses[i] as number) + at * bytesOf(from);
        const source = alignedAt(this.#memory, address, from, length * bytesOf(from));
        const target = this.#memory.blocks[i] as number;
        this.#memory.kernels.widen(source, from, target, length);
        const all = this.#elements[i] as Float64Array;
        const block = length === BLOCK ? all : all.subarray(0, length);
        this.#requireFinite(block, segment, input, at);
        return block;
      });
      const models = values.slice(0, this.#plan.models);
      yield { name, elements, begin: segment.begin + at, models, base: values[this.#plan.models] };
    }
  }

  #requireFinite(values: Float64Array, segment: Segment, input: number, at: number): void {
    let sum = 0;
    // x - x is 0 for finite numbers, and NaN for others.
    for (let i = 0; i < values.length; i += 1) sum += (values[i] as number) - (values[i] as number);
    if (sum === 0) return;
    const bad = values.findIndex((value) => !Number.isFinite(value));
    const checkpoint = this.#plan.inputs[input]?.name ?? '';
    const element = { name: segment.tensor?.name ?? '', index: segment.begin + at + bad };
    throw refusal(checkpoint, element, values[bad] as number);
  }

  #addChecksums({ segment, addresses }: Placed, slot: number, at: number, count: number): void {
    for (const [i, { input, file, begin, dtype }] of segment.operands.entries()) {
      const size = bytesOf(dtype as SumDType);
      const address = slot + (addresses[i] as number) + at * size;
      this.#state
        .checksum(input, file)
        .add(this.#memory.kernels, address, begin + at * size, count * size);
    }
  }
}

function lengthOf({ models, base }: Block): number {
  return (models[0] ?? base)?.length ?? 0;
}
