// Elements of any dtype as float64 numbers.
import type { SumKernels } from '@polyak/backend-cpu/sums';
import type { StoredDType } from '@polyak/safetensors';
import { bytesOf, isMergeable } from '../merge/float-dtypes.js';

const INTEGERS = {
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/**
 * The bytes of an element of a dtype that can be widened; `undefined` for dtypes whose elements
 * are not read.
 */
export function widenableBytes(dtype: StoredDType): number | undefined {
  if (isMergeable(dtype)) return bytesOf(dtype);
  return isInteger(dtype) ? INTEGERS[dtype].BYTES_PER_ELEMENT : undefined;
}

/**
 * Widens elements to float64, which rounds integers of more than 53 bits.
 *
 * @param kernels - over the memory
 * @param values - the address of the elements, a multiple of their size
 * @param dtype - one that {@link widenableBytes} knows
 * @param target - the address of the numbers, a multiple of 16
 * @param count - how many
 */
export function widen(
  kernels: SumKernels,
  values: number,
  dtype: StoredDType,
  target: number,
  count: number,
): Float64Array {
  const buffer = kernels.bytes.buffer as ArrayBuffer;
  const result = new Float64Array(buffer, target, count);
  if (isMergeable(dtype)) kernels.widen(values, dtype, target, count);
  else if (isInteger(dtype)) {
    const elements = new INTEGERS[dtype](buffer, values, count);
    for (let i = 0; i < count; i += 1) result[i] = Number(elements[i]);
  }
  return result;
}

function isInteger(dtype: string): dtype is keyof typeof INTEGERS {
  return Object.hasOwn(INTEGERS, dtype);
}
