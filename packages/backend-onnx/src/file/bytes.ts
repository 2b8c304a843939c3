// The bytes behind typed arrays.

/** Bytes in memory that is not shared, as protobuf messages hold them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The bytes of a typed array, as a plain Uint8Array.
 *
 * @param data - viewed, not copied, unless its memory is shared
 */
export function bytesOf(data: ArrayBufferView): Bytes {
  const { buffer, byteOffset, byteLength } = data;
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
}
