// Bytes that are read by range: a file, a Blob, an object store.
import { malformed } from '../header/limits.js';

/** Bytes that are read by range. */
export interface ByteSource {
  /** How many there are. */
  readonly size: number;
  /**
   * Reads a range.
   *
   * @param offset - of the first byte, >= 0
   * @param length - how many bytes; the range ends at {@link ByteSource.size} at most
   * @returns exactly `length` bytes, which the caller may keep
   */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /**
   * Reads a range into memory of the caller; {@link ByteSource.read} is used where it is missing.
   *
   * @param offset - of the first byte, >= 0
   * @param target - filled to its end
   */
  readInto?(offset: number, target: Uint8Array): void | Promise<void>;
}

/** A Blob or File of a browser or of Node. */
export interface BlobLike {
  /** How many bytes it has. */
  readonly size: number;
  /** A part of it. */
  slice(begin: number, end: number): BlobLike;
  /** Its bytes. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * The bytes of a Blob, such as a File that a user chose.
 *
 * @param blob - not read before its bytes are asked for
 * @returns a source
 * @throws TypeError where it is no Blob
 * @example
 * ```ts
 * import { blobSource, encodeSafetensors, openSafetensors } from '@polyak/safetensors';
 *
 * const blob = new Blob([new Uint8Array(encodeSafetensors({}))]);
 * console.log((await openSafetensors(blobSource(blob))).tensors.size); // 0
 * ```
 */
export function blobSource(blob: BlobLike): ByteSource {
  const given = blob as Partial<BlobLike> | null | undefined;
  if (typeof given?.arrayBuffer !== 'function') {
    throw new TypeError('blobSource: expected a Blob, such as a File. For bytes, use bytesSource.');
  }
  return {
    size: blob.size,
    async read(offset, length) {
      requireRange(blob.size, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
}

/**
 * Bytes in memory.
 *
 * @param bytes - may not change while the source is in use
 * @returns a source, whose `read` returns views of `bytes`
 * @throws TypeError where they are no Uint8Array, such as an ArrayBuffer
 */
export function bytesSource(bytes: Uint8Array): ByteSource {
  requireBytes('bytesSource', bytes);
  return {
    size: bytes.byteLength,
    read(offset, length) {
      requireRange(bytes.byteLength, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** Throws unless `bytes` is a Uint8Array, of any realm. */
export function requireBytes(call: string, bytes: Uint8Array): void {
  if (ArrayBuffer.isView(bytes) && bytes[Symbol.toStringTag] === 'Uint8Array') return;
  throw new TypeError(
    `${call}: expected a Uint8Array. Wrap an ArrayBuffer: new Uint8Array(buffer).`,
  );
}

/** Throws where a range does not lie in a source. */
export function requireRange(size: number, offset: number, length: number): void {
  const end = offset + length;
  if (offset >= 0 && length >= 0 && Number.isSafeInteger(offset) && end <= size) return;
  throw new RangeError(`read: there are ${size} bytes, not ${length} at ${offset}.`);
}

/** {@link ByteSource.read}, checked: the source may be anyone's. */
export async function take(
  source: ByteSource,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = length === 0 ? new Uint8Array() : await source.read(offset, length);
  if (bytes.byteLength !== length) {
    throw malformed(
      `the source gave ${bytes.byteLength} bytes at ${offset}, expected ${length}. Was the file ` +
        'cut short?',
    );
  }
  return bytes;
}

/** Reads into memory by whichever method the source has. */
export async function fill(source: ByteSource, offset: number, target: Uint8Array): Promise<void> {
  if (target.byteLength === 0) return;
  if (source.readInto === undefined) target.set(await take(source, offset, target.byteLength));
  else await source.readInto(offset, target);
}
