// Arrays as bytes. Copies of bytes keep every bit, also the payloads of NaN.
import type { HostArray } from '@polyak/core/interfaces';

/**
 * The bytes of an array, in place.
 *
 * @param data - any array
 * @returns a view of the same memory
 */
function bytesOf(data: HostArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Copies all elements, bit for bit.
 *
 * @param target - where to
 * @param source - where from; an array of the same length and type
 */
export function copyBytes(target: HostArray, source: HostArray): void {
  bytesOf(target).set(bytesOf(source));
}
