// The pieces of a message that is being written. What comes from the model stays a range until the
// end, where short ranges are read and joined.
import type { ByteSource } from '@polyak/safetensors';
import type { Piece } from '../../checkpoint.js';
import type { WireReader } from './wire.js';

/** Ranges up to this length are read; longer ones are copied when the output is written. */
const SHORT = 2 ** 16;

/** Pieces that are appended one by one. */
export class PieceList {
  readonly #source: ByteSource;
  readonly #pieces: Piece[] = [];
  #byteLength = 0;

  /** @param source - the model */
  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The length of all pieces. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Appends a range of the model. */
  copy(begin: number, end: number): void {
    if (begin < end) {
      this.#push({ kind: 'copy', source: this.#source, begin, byteLength: end - begin });
    }
  }

  /** Appends bytes. */
  bytes(bytes: ArrayLike<number>): void {
    this.#push({ kind: 'bytes', bytes: Uint8Array.from(bytes) });
  }

  /** Appends a piece of another source, or a tensor. */
  piece(piece: Piece): void {
    this.#push(piece);
  }

  /** Appends all pieces of another list. */
  append(list: PieceList): void {
    for (const piece of list.#pieces) this.#push(piece);
  }

  #push(piece: Piece): void {
    const last = this.#pieces.at(-1);
    this.#byteLength += piece.kind === 'bytes' ? piece.bytes.byteLength : piece.byteLength;
    const continues =
      piece.kind === 'copy' &&
      last?.kind === 'copy' &&
      piece.source === last.source &&
      last.begin + last.byteLength === piece.begin;
    if (!continues) {
      this.#pieces.push(piece);
      return;
    }
    const byteLength = last.byteLength + piece.byteLength;
    this.#pieces[this.#pieces.length - 1] = { ...last, byteLength };
  }

  /**
   * The pieces, with short ranges of the model read, and bytes that lie together joined.
   *
   * @param reader - of the model
   */
  async settled(reader: WireReader): Promise<readonly Piece[]> {
    const settled: Piece[] = [];
    let parts: Uint8Array[] = [];
    const flush = (): void => {
      if (parts.length > 0) settled.push({ kind: 'bytes', bytes: joined(parts) });
      parts = [];
    };
    for (const piece of this.#pieces) {
      const isOwn = piece.kind === 'copy' && piece.source === this.#source;
      if (piece.kind === 'bytes') parts.push(piece.bytes);
      else if (isOwn && piece.byteLength <= SHORT) {
        const { begin, byteLength } = piece;
        const end = begin + byteLength;
        parts.push((reader.view(begin, end) ?? (await reader.bytes(begin, end))).slice());
      } else {
        flush();
        settled.push(piece);
      }
    }
    flush();
    return settled;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let filled = 0;
  for (const part of parts) {
    bytes.set(part, filled);
    filled += part.byteLength;
  }
  return bytes;
}
