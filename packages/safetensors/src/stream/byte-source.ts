// Bytes that are read by range: a file, a Blob, an object store.

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
