// The work of a merge: stretches of the output, each with the ranges of the inputs it is made from.
// They are made one by one while the merge runs: a list of them would take more memory than the
// headers of the files.
import type { ByteSource, StoredDType } from '@polyak/safetensors';
import type { OutputLayout, Piece } from '../checkpoint.js';

/** A range of an input. */
export interface Operand {
  /** The index of the checkpoint among all inputs. */
  readonly input: number;
  /** The index of the file in that checkpoint; -1 for a file of the layout, which is no input. */
  readonly file: number;
  /** The bytes of the file. */
  readonly source: ByteSource;
  /** The offset of the first byte in the file. */
  begin: number;
  /** The length in bytes. */
  byteLength: number;
  /** The type of the elements. */
  readonly dtype: StoredDType;
  /** Its weight in a sum. */
  readonly weight: number;
}

/** How the bytes of a stretch are made. */
export type SegmentKind =
  /** The weighted sum of the operands. */
  | 'sum'
  /** By blocks of a method. */
  | 'blocks'
  /** The bytes of the last operand; the others are compared with it. */
  | 'same'
  /** The bytes of the only operand. */
  | 'copy';

/** A stretch of a file of the output. */
export interface Segment {
  /** How it is made. */
  readonly kind: SegmentKind;
  /** The index of the file in the layout. */
  readonly file: number;
  /** The offset in that file, in bytes. */
  position: number;
  /** The length in that file, in bytes. */
  byteLength: number;
  /** The type of the elements in the output. */
  readonly dtype: StoredDType;
  /** Bytes of an element in the output; 1 where bytes are copied. */
  readonly size: number;
  /** The tensor of a segment of blocks. */
  readonly tensor: { readonly name: string; readonly elements: number } | undefined;
  /** The index of the first element in {@link Segment.tensor}. */
  begin: number;
  /** What it is made from. */
  readonly operands: readonly Operand[];
}

/** Bytes `[begin, end)` of a file of the output. */
export interface FileRange {
  /** The index of the file in the layout. */
  readonly file: number;
  /** The offset of the first byte in that file. */
  readonly begin: number;
  /** The offset after the last byte. */
  readonly end: number;
}

/** How the tensors of an output are made. */
export interface TensorSegments {
  /** The segments of a tensor, of which some may be empty. */
  of(name: string, file: number, position: number): Iterable<Segment>;
  /**
   * Lengthens a segment by the next tensor where both lie one after the other everywhere. It is
   * {@link TensorSegments.of} without the garbage.
   *
   * @returns whether it did
   */
  extend(open: Segment, name: string, file: number, position: number): boolean;
}

/**
 * The segments of a layout, in its order. Those that lie one after the other everywhere are one, so
 * that 100,000 small tensors cost what one large tensor costs.
 *
 * @param layout - pieces of bytes make no segment
 * @param tensors - how tensors are made
 */
export function* segmentsOf(layout: OutputLayout, tensors: TensorSegments): Generator<Segment> {
  for (const [file, { pieces }] of layout.files.entries()) {
    yield* ofPieces(pieces, file, 0, tensors);
  }
}

/**
 * The segments of those pieces that a range of a file has bytes of: the first and the last one may
 * reach beyond it.
 *
 * @param layout - see {@link segmentsOf}
 * @param tensors - how tensors are made
 * @param range - of one file
 */
export function* segmentsOfRange(
  layout: OutputLayout,
  tensors: TensorSegments,
  range: FileRange,
): Generator<Segment> {
  const { pieces, position } = piecesIn(layout, range);
  yield* ofPieces(pieces, range.file, position, tensors);
}

/**
 * A stretch of a segment.
 *
 * @param segment - of any kind
 * @param from - the index of its first element in the segment
 * @param to - the index after its last element
 */
export function stretchOf(segment: Segment, from: number, to: number): Segment {
  const { size, position, begin, byteLength } = segment;
  const elements = byteLength / size;
  return {
    ...segment,
    position: position + from * size,
    byteLength: (to - from) * size,
    begin: begin + from,
    operands: segment.operands.map((operand): Operand => {
      const bytes = operand.byteLength / elements;
      return {
        ...operand,
        begin: operand.begin + from * bytes,
        byteLength: (to - from) * bytes,
      };
    }),
  };
}

/**
 * The pieces that a range of a file has bytes of, and the offset of the first one. Their number is
 * not part of the cost: a merge of many parts asks for each of them.
 */
export function piecesIn(
  { files }: OutputLayout,
  { file, begin, end }: FileRange,
): { readonly pieces: readonly Piece[]; readonly position: number } {
  const { pieces = [] } = files[file] ?? {};
  const begins = beginsOf(pieces);
  const first = indexAt(begins, begin);
  return {
    pieces: pieces.slice(first, indexAt(begins, end - 1) + 1),
    position: begins[first] ?? 0,
  };
}

/** The length of a piece in bytes. */
export function lengthOf(piece: Piece): number {
  return piece.kind === 'bytes' ? piece.bytes.byteLength : piece.byteLength;
}

const knownBegins = new WeakMap<readonly Piece[], Float64Array>();

/** Where the pieces of a file begin. */
function beginsOf(pieces: readonly Piece[]): Float64Array {
  const known = knownBegins.get(pieces);
  if (known !== undefined) return known;
  const begins = new Float64Array(pieces.length);
  for (let i = 1; i < pieces.length; i += 1) {
    begins[i] = (begins[i - 1] as number) + lengthOf(pieces[i - 1] as Piece);
  }
  knownBegins.set(pieces, begins);
  return begins;
}

/** The index of the last piece that begins at an offset or before. */
function indexAt(begins: Float64Array, offset: number): number {
  let [low, high] = [0, begins.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((begins[middle] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function* ofPieces(
  pieces: readonly Piece[],
  file: number,
  from: number,
  tensors: TensorSegments,
): Generator<Segment> {
  let open: Segment | undefined;
  let position = from;
  for (const piece of pieces) {
    const isTensor = piece.kind === 'tensor';
    if (!(isTensor && open && tensors.extend(open, piece.name, file, position))) {
      for (const next of ofPiece(piece, file, position, tensors)) {
        if (open !== undefined) yield open;
        open = next;
      }
    }
    position += lengthOf(piece);
  }
  if (open !== undefined) yield open;
}

function* ofPiece(
  piece: Piece,
  file: number,
  position: number,
  tensors: TensorSegments,
): Generator<Segment> {
  if (piece.kind === 'tensor') {
    for (const segment of tensors.of(piece.name, file, position)) {
      if (segment.byteLength > 0) yield segment;
    }
  }
  if (piece.kind !== 'copy' || piece.byteLength === 0) return;
  const { source, begin, byteLength } = piece;
  const operand = { input: -1, file: -1, source, begin, byteLength, dtype: '', weight: 1 };
  yield {
    kind: 'copy',
    file,
    position,
    byteLength,
    dtype: '',
    size: 1,
    tensor: undefined,
    begin: 0,
    operands: [operand],
  };
}
