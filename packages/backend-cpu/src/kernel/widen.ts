// Half-precision live weights on the way into the scratch: the bits are copied to the end of the
// slot, and the kernel widens them to float32 from its start. An update of 10M float16 elements
// takes 1.2 of one of float32, of bfloat16 1.0; widened to an array first, float16 takes 6.8.
import { halfToFloat32 } from '@polyak/core/kit';
import type { HalfDType } from '@polyak/core/kit';
import type { Shard } from './arena.js';
import { isHalfArray } from './engine.js';
import type { FloatArray, LiveArray } from './engine.js';

/** How many elements the kernel widens at once. */
const STEP = 8;

/** The same elements as floats. */
export function widened(live: LiveArray): FloatArray {
  return isHalfArray(live) ? halfToFloat32(live.dtype, live.bits) : live;
}

/** Whether an array holds half precision, as bits. */
export function isBits(data: FloatArray | Uint16Array): data is Uint16Array {
  return data.BYTES_PER_ELEMENT === 2;
}

/**
 * Puts elements into the scratch as float32.
 *
 * @param shard - whose scratch it is
 * @param slot - the address, a multiple of 4, with room for a multiple of 8 elements
 * @param bits - the elements
 * @param dtype - what the bits are
 */
export function widenInto(
  { kernel, scratch16 }: Shard,
  slot: number,
  bits: Uint16Array,
  dtype: HalfDType,
): void {
  const count = Math.ceil(bits.length / STEP) * STEP;
  const from = slot + 2 * count;
  scratch16.set(bits, from / 2);
  if (dtype === 'float16') kernel.widenFloat16(from, slot, count);
  else kernel.widenBfloat16(from, slot, count);
}
