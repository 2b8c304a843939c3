// Reads protobuf from a file without holding it: field headers and short fields through a window,
// and long fields by their ranges only.
import type { ByteSource } from '@polyak/safetensors';

const SMALLEST_WINDOW = 2 ** 12;
const LARGEST_WINDOW = 2 ** 18;
/** A tag and a length, or a tag and a number, take at most 20 bytes. */
const LONGEST_HEADER = 20;

/** The wire types of protobuf. */
export const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

/** A field of a message. */
export interface Field {
  /** The number of the field. */
  number: number;
  /** One of {@link WIRE}. */
  wireType: number;
  /** The offset of its tag. */
  tagAt: number;
  /** The offset of its contents, behind the length of delimited ones. */
  begin: number;
  /** The offset behind its contents. */
  end: number;
}

/** Reads fields from a file, one after the other. */
export class WireReader {
  readonly #source: ByteSource;
  #window: Uint8Array = new Uint8Array();
  #windowBegin = 0;
  /** The last field that {@link next} read. Reused. */
  readonly field: Field = { number: 0, wireType: 0, tagAt: 0, begin: 0, end: 0 };
  #at = 0;

  /** @param source - the file */
  constructor(source: ByteSource) {
    this.#source = source;
  }

  /**
   * A reader of bytes in memory.
   *
   * @param bytes - all loaded
   */
  static of(bytes: Uint8Array): WireReader {
    const reader = new WireReader({ size: bytes.byteLength, read: () => bytes });
    reader.#window = bytes;
    return reader;
  }

  /**
   * Whether the window holds the header of a field at `at`, so that {@link next} can be called. If
   * not, {@link load} it.
   */
  isLoaded(at: number): boolean {
    const end = this.#windowBegin + this.#window.byteLength;
    return at >= this.#windowBegin && Math.min(at + LONGEST_HEADER, this.#source.size) <= end;
  }

  /** Moves the window to begin at `at`. */
  async load(at: number, least = 0): Promise<void> {
    const end = this.#windowBegin + this.#window.byteLength;
    // Where the reader jumps from field to field, little is read; where it reads on, much.
    const isNear = at >= this.#windowBegin && at <= end;
    const next = isNear ? this.#window.byteLength * 4 : 0;
    const wanted = Math.min(LARGEST_WINDOW, Math.max(SMALLEST_WINDOW, next));
    const length = Math.min(this.#source.size - at, Math.max(least, wanted));
    this.#window = await this.#source.read(at, length);
    this.#windowBegin = at;
  }

  /**
   * Reads the header of the field at `at`, which must be loaded.
   *
   * @param at - where its tag is
   * @param end - of the message that it is in
   * @returns {@link field}, which is overwritten
   * @throws SyntaxError where the bytes are not protobuf
   */
  next(at: number, end: number): Field {
    const { field } = this;
    this.#at = at;
    const key = this.#varint(end);
    field.tagAt = at;
    field.number = Math.floor(key / 8);
    field.wireType = key % 8;
    if (field.number === 0 || field.number >= 2 ** 29) {
      throw new SyntaxError(`byte ${at}: field number ${field.number}`);
    }
    const length = this.#lengthOf(field, end);
    field.begin = this.#at;
    field.end = this.#at + length;
    if (field.end > end) {
      throw new SyntaxError(
        `byte ${at}: field ${field.number} takes ${field.end - field.begin} bytes, ` +
          `${end - field.begin} are left`,
      );
    }
    return field;
  }

  #lengthOf({ wireType, tagAt }: Field, end: number): number {
    if (wireType === WIRE.fixed64) return 8;
    if (wireType === WIRE.fixed32) return 4;
    if (wireType === WIRE.delimited) return this.#varint(end);
    if (wireType !== WIRE.varint) throw new SyntaxError(`byte ${tagAt}: wire type ${wireType}`);
    const begin = this.#at;
    this.#varint(end);
    const length = this.#at - begin;
    this.#at = begin;
    return length;
  }

  /** Reads a number below 2^64, inexact from 2^53 on. */
  #varint(end: number): number {
    let value = 0;
    let unit = 1;
    for (let count = 0; count < 10; count += 1) {
      if (this.#at >= end) throw new SyntaxError(`byte ${this.#at}: a number is cut off`);
      const byte = this.#window[this.#at - this.#windowBegin] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 128;
    }
    throw new SyntaxError(`byte ${this.#at}: a number takes more than 10 bytes`);
  }

  /**
   * The bytes of a range, if the window holds them.
   *
   * @returns a view, valid until the next load
   */
  view(begin: number, end: number): Uint8Array | undefined {
    const windowEnd = this.#windowBegin + this.#window.byteLength;
    if (begin < this.#windowBegin || end > windowEnd) return undefined;
    return this.#window.subarray(begin - this.#windowBegin, end - this.#windowBegin);
  }

  /**
   * The bytes of a range; see {@link view}.
   *
   * @returns a view, valid until the next load
   */
  async bytes(begin: number, end: number): Promise<Uint8Array> {
    const found = this.view(begin, end);
    if (found !== undefined) return found;
    await this.load(begin, end - begin);
    return this.#window.subarray(0, end - begin);
  }
}

/**
 * Numbers in bytes, one after the other, as 64 bits in two halves.
 *
 * @param bytes - of packed fields, whole
 * @param use - called with the low and the high half
 */
export function forEachVarint(bytes: Uint8Array, use: (low: number, high: number) => void): void {
  let low = 0;
  let high = 0;
  let shift = 0;
  for (const byte of bytes) {
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >> 4;
    } else high |= bits << (shift - 32);
    shift += 7;
    if (byte < 0x80) {
      use(low >>> 0, high >>> 0);
      low = high = shift = 0;
    } else if (shift === 70) throw new SyntaxError('a number takes more than 10 bytes');
  }
  if (shift > 0) throw new SyntaxError('a number is cut off');
}

/** The bytes of a number as protobuf writes it. */
export function varint(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** The tag of a field. */
export function tag(number: number, wireType: number): readonly number[] {
  return varint(number * 8 + wireType);
}

/** A delimited field with its bytes. */
export function delimited(number: number, contents: ArrayLike<number>): Uint8Array {
  const header = [...tag(number, WIRE.delimited), ...varint(contents.length)];
  const bytes = new Uint8Array(header.length + contents.length);
  bytes.set(header);
  bytes.set(contents, header.length);
  return bytes;
}
