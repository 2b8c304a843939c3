// Operands of a kernel that may lie anywhere: those outside the kernel's memory pass through its
// scratch, chunk by chunk. A chunk is small enough to stay in cache between copy and arithmetic.
import type { Shard } from './arena.js';
import { SCRATCH } from './arena.js';
import type { FloatArray } from './engine.js';

/** One operand of a pass over elements. */
export interface Operand {
  readonly data: FloatArray;
  /** Whether the kernel writes it, all of it, and does not read it; it only reads it otherwise. */
  readonly isTarget: boolean;
  /** Where the kernel finds the current chunk, in bytes. */
  address: number;
}

const PAGE = 4096;
const LINE = 64;

/** What of an operand is in the scratch. */
interface Slot {
  readonly operand: Operand;
  /** Where it begins, in elements. */
  readonly at: number;
}

/**
 * Runs a kernel over all elements of its operands.
 *
 * @param shard - whose kernel it is
 * @param operands - arrays of the same type and length; the kernel finds them at their addresses
 * @param step - runs the kernel on `count` elements
 * @returns the bits of all steps
 */
export function inChunks(
  shard: Shard,
  operands: readonly [Operand, ...Operand[]],
  step: (count: number) => number,
): number {
  const { length } = operands[0].data;
  const outside = operands.filter(({ data }) => data.buffer !== shard.buffer);
  for (const operand of operands) operand.address = operand.data.byteOffset;
  return outside.length === 0 ? step(length) : staged(shard, operands, outside, step);
}

function staged(
  shard: Shard,
  operands: readonly [Operand, ...Operand[]],
  outside: readonly Operand[],
  step: (count: number) => number,
): number {
  const { length, BYTES_PER_ELEMENT: size } = operands[0].data;
  const scratch = size === 4 ? shard.scratch32 : shard.scratch64;
  const room = Math.floor(SCRATCH / outside.length / PAGE) * PAGE;
  const slots = slotsOf(shard, operands, outside, room);
  // The last page of each slot's room is for its offset.
  const chunk = (room - PAGE) / size;
  let bits = 0;
  for (let start = 0; start < length; start += chunk) {
    const count = Math.min(chunk, length - start);
    for (const operand of operands) operand.address = operand.data.byteOffset + start * size;
    for (const { operand, at } of slots) {
      operand.address = at * size;
      if (!operand.isTarget) scratch.set(partOf(operand.data, start, count), at);
    }
    bits |= step(count);
    for (const { operand, at } of slots) {
      if (operand.isTarget) operand.data.set(scratch.subarray(at, at + count), start);
    }
  }
  return bits;
}

/**
 * Slots at page offsets as far as they can be from that of what is resident, and from each other:
 * the processor takes a load for one of what was just stored at the same offset of another page.
 */
function slotsOf(
  shard: Shard,
  operands: readonly Operand[],
  outside: readonly Operand[],
  room: number,
): readonly Slot[] {
  const size = operands[0]?.data.BYTES_PER_ELEMENT ?? 1;
  const resident = operands.find(({ data }) => data.buffer === shard.buffer);
  const anchor = resident?.data.byteOffset ?? 0;
  return outside.map((operand, index) => {
    const distance = ((2 * index + 1) * PAGE) / (2 * outside.length);
    const offset = Math.floor(((anchor + distance) % PAGE) / LINE) * LINE;
    return { operand, at: (index * room + offset) / size };
  });
}

/** A view of some elements; the array itself where it is all of them. */
function partOf(data: FloatArray, start: number, count: number): FloatArray {
  return count === data.length ? data : data.subarray(start, start + count);
}
