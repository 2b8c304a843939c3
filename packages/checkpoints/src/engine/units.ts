// Units of work: as many segments as fit into one slot of memory, with the reads that fill it.
//
// A read of 1 to 4 MiB is long enough for a disk to read ahead, and short enough to be still in the
// processor's cache when it is summed. Segments that lie within a few bytes of each other, as in
// ONNX files, are read at once.
import type { ByteSource } from '@polyak/safetensors';
import { BLOCK } from '../merge/method.js';
import type { Segment } from '../merge/segments.js';
import { stretchOf } from '../merge/segments.js';

/** A read into a slot. */
interface Read {
  readonly source: ByteSource;
  readonly begin: number;
  byteLength: number;
  /** Where the bytes go, relative to the slot. */
  readonly address: number;
}

/** A segment in a slot. */
export interface Placed {
  readonly segment: Segment;
  /** Where its operands are, relative to the slot. */
  readonly addresses: readonly number[];
  /** Where its result goes, relative to the slot. */
  readonly result: number;
}

/** Segments that are read, merged and written together. */
export interface Unit {
  readonly reads: readonly Read[];
  readonly placed: readonly Placed[];
}

const LONGEST_READ = 2 ** 22;
/** The fewest elements that a sum is cut into. */
const SHORTEST = 64;
/** Operands this close to each other are read together. */
const GAP = 128;
/** What a read or a result may take besides its bytes, so that it lies as it does in its file. */
const PADDING = GAP + 32;
const ALIGNMENT = 16;

/**
 * Groups segments into units.
 *
 * @param segments - in the order of the output
 * @param slotLength - the bytes of a slot; a block of a method fits into it
 */
export function* unitsOf(segments: Iterable<Segment>, slotLength: number): Generator<Unit> {
  let batch: Segment[] = [];
  let used = 0;
  for (const segment of cutAll(segments, slotLength)) {
    const needed = lengthIn(segment);
    if (used + needed > slotLength && batch.length > 0) {
      yield unitOf(batch);
      batch = [];
      used = 0;
    }
    batch.push(segment);
    used += needed;
  }
  if (batch.length > 0) yield unitOf(batch);
}

/**
 * The bytes that a slot needs at least: for one block of a method, or the shortest part of a sum.
 *
 * @param operands - how many there are
 * @param bytesPerElement - of all operands and the result together, at most
 * @param isByBlocks - whether a method merges them, and not a weighted sum
 */
export function leastSlot(operands: number, bytesPerElement: number, isByBlocks: boolean): number {
  return (isByBlocks ? BLOCK : SHORTEST) * bytesPerElement + (operands + 1) * PADDING;
}

function* cutAll(segments: Iterable<Segment>, slotLength: number): Generator<Segment> {
  for (const segment of segments) {
    const { kind, operands, size } = segment;
    const elements = segment.byteLength / size;
    const perElement = operands.map(({ byteLength }) => byteLength / elements);
    const free = slotLength - (operands.length + 1) * PADDING;
    const inSlot = free / perElement.reduce((sum, bytes) => sum + bytes, size);
    const inRead = LONGEST_READ / Math.max(size, ...perElement);
    const step = kind === 'blocks' ? BLOCK : inSlot < BLOCK ? SHORTEST : 4096;
    const most = Math.max(step, Math.floor(Math.min(inSlot, inRead) / step) * step);
    if (elements <= most) yield segment;
    else yield* cut(segment, elements, most);
  }
}

function* cut(segment: Segment, elements: number, most: number): Generator<Segment> {
  for (let at = 0; at < elements; at += most) {
    yield stretchOf(segment, at, Math.min(elements, at + most));
  }
}

function lengthIn({ operands, byteLength }: Segment): number {
  return operands.reduce(
    (sum, operand) => sum + operand.byteLength + PADDING,
    byteLength + PADDING,
  );
}

function unitOf(segments: readonly Segment[]): Unit {
  const addresses = segments.map(({ operands }) => operands.map(() => 0));
  const reads: Read[] = [];
  let filled = 0;
  // Input by input, so that what lies together in a file is read together.
  const most = Math.max(...segments.map(({ operands }) => operands.length));
  for (let i = 0; i < most; i += 1) {
    let read: Read | undefined;
    for (const [at, { operands }] of segments.entries()) {
      const operand = operands[i];
      if (operand === undefined) continue;
      const { source, begin, byteLength } = operand;
      const gap = read?.source === source ? begin - read.begin - read.byteLength : -1;
      if (read === undefined || gap < 0 || gap > GAP) {
        const address = placeFor(filled, begin);
        read = { source, begin, byteLength, address };
        reads.push(read);
      } else read.byteLength += gap + byteLength;
      (addresses[at] as number[])[i] = read.address + begin - read.begin;
      filled = read.address + read.byteLength;
    }
  }
  const placed = segments.map((segment, at): Placed => {
    const { kind, operands, byteLength, position } = segment;
    const places = addresses[at] as number[];
    if (kind === 'same' || kind === 'copy') {
      return { segment, addresses: places, result: places[operands.length - 1] as number };
    }
    const result = placeFor(filled, position);
    filled = result + byteLength;
    return { segment, addresses: places, result };
  });
  return { reads, placed };
}

/** The first address from `filled` on at which bytes are aligned as they are in their file. */
function placeFor(filled: number, offset: number): number {
  return filled + ((((offset - filled) % ALIGNMENT) + ALIGNMENT) % ALIGNMENT);
}
