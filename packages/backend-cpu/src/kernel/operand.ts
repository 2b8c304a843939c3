// Operands of a kernel that may live anywhere: those outside the kernel's memory pass through its scratch, chunk by
// chunk. A chunk is small enough to stay in cache between the copy and the arithmetic.
import type { HostArray } from '@polyak/core';
import type { Shard } from './arena.js';
import { SCRATCH } from './arena.js';
import { bytesOf } from '../bytes.js';

/** One operand of a pass over elements. */
export interface Operand {
  readonly data: HostArray;
  readonly isWritten: boolean;
  /** Where the kernel finds the current chunk, in bytes. */
  address: number;
}

/**
 * An operand that the kernel only reads.
 *
 * @param data - its elements
 * @returns the operand
 */
export function reads(data: HostArray): Operand {
  return { data, isWritten: false, address: 0 };
}

/**
 * An operand that the kernel reads and writes.
 *
 * @param data - its elements
 * @returns the operand
 */
export function updates(data: HostArray): Operand {
  return { data, isWritten: true, address: 0 };
}

/**
 * Runs a kernel over all elements of its operands.
 *
 * @param shard - whose kernel it is
 * @param operands - arrays of the same type and length
 * @param step - runs the kernel on `count` elements from the operands' addresses; returns false to end the pass early
 * @returns whether every step returned true
 */
export function inChunks(
  shard: Shard,
  operands: readonly [Operand, ...Operand[]],
  step: (count: number) => boolean,
): boolean {
  const { length, BYTES_PER_ELEMENT: size } = operands[0].data;
  const outside = operands.filter(({ data }) => data.buffer !== shard.scratch.buffer);
  const slotBytes = align(SCRATCH / outside.length);
  const staged = outside.map((operand, index) => ({
    operand,
    bytes: bytesOf(operand.data),
    slot: shard.scratch.subarray(index * slotBytes, (index + 1) * slotBytes),
  }));
  const chunk = staged.length === 0 ? length : slotBytes / size;
  for (let start = 0; start < length; start += chunk) {
    const count = Math.min(chunk, length - start);
    const begin = start * size;
    const end = begin + count * size;
    for (const operand of operands) {
      operand.address = operand.data.byteOffset + begin;
    }
    for (const { operand, bytes, slot } of staged) {
      operand.address = slot.byteOffset;
      slot.set(bytes.subarray(begin, end));
    }
    if (!step(count)) {
      return false;
    }
    for (const { operand, bytes, slot } of staged) {
      if (operand.isWritten) {
        bytes.set(slot.subarray(0, end - begin), begin);
      }
    }
  }
  return true;
}

// Down to a multiple of all that the kernels unroll, so that no chunk but the last has a scalar tail.
function align(bytes: number): number {
  return Math.floor(bytes / 64) * 64;
}
