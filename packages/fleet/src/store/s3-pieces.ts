// How a partial object on S3 is cut: into cells, all of one length except for the last one, as some
// services ask of the parts of an upload. A piece ends where its cell ends, or earlier.

const MIB = 2 ** 20;
/** S3 takes parts of 5 MiB and more, and 10,000 of them. */
const [MIN_CELL, MAX_CELLS] = [8 * MIB, 10_000];

/** Bytes `[begin, end)` of a partial object, as an object of their own. */
export interface Piece {
  readonly key: string;
  readonly begin: number;
  readonly end: number;
}

/** A range of a partial object that becomes one part of an upload. */
export interface Cell {
  readonly begin: number;
  readonly end: number;
  /** Those that lie in it, by their begin. */
  readonly pieces: readonly Piece[];
  /** Where their first gap begins, or `end`. */
  readonly coveredTo: number;
}

/** The cells of an object, at least one. Pieces come in the order of their begins. */
export function cellsOf(pieces: readonly Piece[], byteLength: number): readonly Cell[] {
  const length = cellLength(byteLength);
  const inCell = new Map<number, Piece[]>();
  for (const piece of pieces) {
    const index = Math.floor(piece.begin / length);
    const found = inCell.get(index);
    if (found === undefined) inCell.set(index, [piece]);
    else found.push(piece);
  }
  return Array.from({ length: Math.max(1, Math.ceil(byteLength / length)) }, (_, index) => {
    const begin = index * length;
    const found = inCell.get(index) ?? [];
    const coveredTo = found.reduce(
      (at, piece) => (piece.begin <= at ? Math.max(at, piece.end) : at),
      begin,
    );
    return { begin, end: Math.min(begin + length, byteLength), pieces: found, coveredTo };
  });
}

/** Cuts what is written into pieces. Those that are written in order become whole cells. */
export class PieceWriter {
  readonly #byteLength: number;
  readonly #cell: number;
  readonly #put: (begin: number, bytes: Uint8Array) => Promise<void>;
  /** The piece that is being filled, with room to the end of its cell. */
  #filling: { readonly begin: number; end: number; readonly bytes: Uint8Array } | undefined;

  constructor(byteLength: number, put: (begin: number, bytes: Uint8Array) => Promise<void>) {
    this.#byteLength = byteLength;
    this.#cell = cellLength(byteLength);
    this.#put = put;
  }

  async write(begin: number, bytes: Uint8Array): Promise<void> {
    if (begin + bytes.byteLength > this.#byteLength) {
      throw new RangeError(
        `write: bytes ${begin} to ${begin + bytes.byteLength} of ${this.#byteLength}.`,
      );
    }
    const puts: Promise<void>[] = [];
    // Nothing is awaited before all bytes have their piece: other writes may be under way.
    for (let at = 0; at < bytes.byteLength;) {
      const position = begin + at;
      const end = Math.min(position - (position % this.#cell) + this.#cell, this.#byteLength);
      const slice = bytes.subarray(at, at + end - position);
      if (this.#filling?.end !== position) puts.push(this.close());
      if (this.#filling === undefined && position + slice.byteLength === end) {
        puts.push(this.#put(position, slice));
      } else {
        puts.push(this.#fill(position, slice, end));
      }
      at += slice.byteLength;
    }
    // All of them: the caller may use the memory for something else after a failure.
    for (const result of await Promise.allSettled(puts)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  async close(): Promise<void> {
    const filling = this.#filling;
    this.#filling = undefined;
    if (filling === undefined) return;
    const { begin, end, bytes } = filling;
    await this.#put(begin, bytes.subarray(0, end - begin));
  }

  async #fill(position: number, slice: Uint8Array, cellEnd: number): Promise<void> {
    this.#filling ??= {
      begin: position,
      end: position,
      bytes: new Uint8Array(cellEnd - position),
    };
    const { begin, bytes } = this.#filling;
    bytes.set(slice, position - begin);
    this.#filling.end = position + slice.byteLength;
    if (this.#filling.end === cellEnd) await this.close();
  }
}

function cellLength(byteLength: number): number {
  return Math.max(MIN_CELL, Math.ceil(byteLength / MAX_CELLS / MIB) * MIB);
}
