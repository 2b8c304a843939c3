// The memory of a merge: slots for units, sums, and the blocks of methods.
import type { SumDType, SumKernels } from '@polyak/backend-cpu/sums';
import { SUM_BLOCK, sumKernels } from '@polyak/backend-cpu/sums';
import { BLOCK } from '../merge/method.js';
import { bytesOf } from '../merge/float-dtypes.js';
import { leastSlot } from './units.js';
import type { Slot } from './read-ahead.js';

// What is read stays in the processor's cache until it is summed: with two slots of 24 MiB a merge
// of ten files took 2.5 times as long. A bare loop with two of 4 MiB took a quarter longer.
const SLOT = 3 * 2 ** 20;
const SLOTS = 4;

/** How much memory a merge takes. */
export interface MemoryNeeds {
  /** The bytes of a slot. */
  readonly slotLength: number;
  /** How many blocks of float64 elements a method needs at once; 0 for sums. */
  readonly blocks: number;
}

/** Memory that kernels work in. */
export interface MergeMemory {
  readonly kernels: SumKernels;
  readonly slots: readonly Slot[];
  /** The slots for passes over one tensor; none for sums. */
  readonly passSlots: readonly Slot[];
  /** The address of {@link SUM_BLOCK} sums. */
  readonly sums: number;
  /** The address of aligned memory for a block. */
  readonly aligned: number;
  /** The addresses of blocks. */
  readonly blocks: readonly number[];
}

const FLOAT64 = 8;

/** The bytes that a merge allocates. */
export function memoryLength({ slotLength, blocks }: MemoryNeeds): number {
  return (
    SLOTS * rounded(slotLength) + rounded(SUM_BLOCK * FLOAT64) + (blocks + 1) * BLOCK * FLOAT64 + 16
  );
}

/**
 * How much memory a merge needs.
 *
 * @param inputs - how many checkpoints are read
 * @param bytesPerElement - of all inputs and the output together, at most
 * @param isByBlocks - whether a method merges them, and not a weighted sum
 */
export function needsOf(inputs: number, bytesPerElement: number, isByBlocks: boolean): MemoryNeeds {
  const slotLength = Math.max(SLOT, leastSlot(inputs, bytesPerElement, isByBlocks));
  return { slotLength, blocks: isByBlocks ? inputs + 1 : 0 };
}

/** Allocates the memory of a merge. */
export function allocate(needs: MemoryNeeds): MergeMemory {
  const kernels = sumKernels(memoryLength(needs));
  let filled = 16;
  const take = (length: number): number => {
    const address = filled;
    filled += rounded(length);
    return address;
  };
  const sums = take(SUM_BLOCK * FLOAT64);
  const aligned = take(BLOCK * FLOAT64);
  const blocks = Array.from({ length: needs.blocks }, () => take(BLOCK * FLOAT64));
  const slot = (): Slot => ({
    address: take(needs.slotLength),
    written: Promise.resolve(),
  });
  const slots = Array.from({ length: SLOTS }, slot);
  const memory = { kernels, sums, aligned, blocks };
  if (needs.blocks === 0) return { ...memory, slots, passSlots: [] };
  // A method that passes over a tensor reads it while the unit that it began in stays.
  return { ...memory, slots: slots.slice(0, 2), passSlots: slots.slice(2) };
}

/**
 * The address of values for a kernel: where they are, or a copy where they are not aligned.
 *
 * @param memory - which has room for `length` bytes of a sum's elements
 * @param address - of the values
 * @param dtype - their type
 * @param length - in bytes
 */
export function alignedAt(
  { kernels, aligned }: MergeMemory,
  address: number,
  dtype: SumDType,
  length: number,
): number {
  if (address % bytesOf(dtype) === 0) return address;
  kernels.bytes.copyWithin(aligned, address, address + length);
  return aligned;
}

/** A view of float64 elements. */
export function float64At({ kernels }: MergeMemory, address: number, count: number): Float64Array {
  return new Float64Array(kernels.bytes.buffer as ArrayBuffer, address, count);
}

function rounded(length: number): number {
  return Math.ceil(length / 16) * 16;
}
