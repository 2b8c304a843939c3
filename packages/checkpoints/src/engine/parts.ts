// Parts of a merge, which several processes make: each a range of one file of the output. Which
// parts there are follows from the plan, and what is in them from the plan and the inputs: a part
// that is made twice has the same bytes.
import { requireOptions } from '@polyak/core/kit';
import type { OutputLayout, Piece } from '../checkpoint.js';
import type { MergePlan } from '../merge/plan.js';
import type { Segment } from '../merge/segments.js';
import { lengthOf, piecesIn, segmentsOf, segmentsOfRange, stretchOf } from '../merge/segments.js';
import type { MergeReport } from './report.js';
import type { RunOptions } from './run.js';
import type { PartReport } from './run-state.js';
import { RunState } from './run-state.js';
import { writeTensors } from './tensors.js';

/** A range of a file of the output. It begins and ends with bytes of tensors. */
export interface MergePart {
  /** The index of the file in the layout. */
  readonly file: number;
  /** The offset of its first byte in that file. */
  readonly begin: number;
  /** The offset after its last byte. */
  readonly end: number;
}

/** Bytes of a file of the output. */
export interface PlacedBytes {
  /** The index of the file in the layout. */
  readonly file: number;
  /** The offset in that file. */
  readonly position: number;
  /** The bytes. */
  readonly bytes: Uint8Array;
}

/**
 * Cuts a merge into parts. Tensors that a method passes over as a whole are not cut.
 *
 * @param plan - see `planMerge`
 * @param partBytes - how many bytes a part has, about, 1 at least
 * @returns the parts, in the order of the output; they are the same wherever the plan is
 * @throws RangeError where `partBytes` is less than 1
 */
export function partsOf(plan: MergePlan, partBytes: number): readonly MergePart[] {
  if (!(partBytes >= 1)) {
    throw new RangeError(`partsOf: partBytes is ${partBytes}, expected a number >= 1.`);
  }
  const parts: MergePart[] = [];
  let open: { file: number; begin: number; end: number; filled: number } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const { file, begin, end } = open;
    parts.push({ file, begin, end });
    open = undefined;
  };
  for (const { kind, file, position, byteLength, size } of segmentsOf(plan.layout, plan.segments)) {
    if (open?.file !== file) close();
    for (let at = 0; at < byteLength;) {
      const free = partBytes - (open?.filled ?? 0);
      const whole = kind === 'blocks' ? byteLength : Math.floor(free / size) * size;
      let length = Math.min(byteLength - at, whole);
      if (length > free || length === 0) {
        close();
        // One element at least, however small parts are to be.
        length = Math.min(byteLength - at, Math.max(whole, size));
      }
      open ??= { file, begin: position + at, end: 0, filled: 0 };
      at += length;
      open.end = position + at;
      open.filled += length;
      if (open.filled >= partBytes) close();
    }
  }
  close();
  return parts;
}

/**
 * Makes a part of a merge. `write` gets all bytes of the part, in order.
 *
 * @param plan - see `planMerge`
 * @param part - one of {@link partsOf} this plan
 * @param write - takes bytes at an offset of the part's file. Calls are made in the order of the
 *   offsets and overlap in time; the bytes may be overwritten once the promise is fulfilled
 * @param options - a signal, and progress
 * @returns what happened, to be added up by {@link reportOfParts}
 * @throws what `runMerge` throws
 */
export async function runMergePart(
  plan: MergePlan,
  part: MergePart,
  write: (position: number, bytes: Uint8Array) => Promise<void>,
  options: Pick<RunOptions, 'signal' | 'onProgress'> = {},
): Promise<PartReport> {
  const known = ['signal', 'onProgress'];
  const { signal, onProgress } = requireOptions('runMergePart', options, known);
  const state = new RunState(plan, undefined);
  state.total = 0;
  for (const { operands } of segmentsIn(plan, part)) {
    for (const { byteLength } of operands) state.total += byteLength;
  }
  const between = bytesIn(plan.layout, part);
  let next = between.next();
  const sink = {
    async write(_file: string, position: number, bytes: Uint8Array): Promise<void> {
      const writes: Promise<void>[] = [];
      for (; next.done !== true && next.value.position < position; next = between.next()) {
        writes.push(write(next.value.position, next.value.bytes));
      }
      writes.push(write(position, bytes));
      await Promise.all(writes);
    },
    checkpoint: () => Promise.resolve(),
  };
  await writeTensors(plan, state, { segments: segmentsIn(plan, part), sink, signal, onProgress });
  const { inputs, output, fromLast, nonFinite } = state.progress();
  return { inputs, output, fromLast, nonFinite };
}

/**
 * Adds up what happened in the parts of a merge.
 *
 * @param plan - of the merge
 * @param reports - of all parts, in their order
 * @returns what `runMerge` returns for the whole
 */
export async function reportOfParts(
  plan: MergePlan,
  reports: Iterable<PartReport> | AsyncIterable<PartReport>,
): Promise<MergeReport> {
  const state = new RunState(plan, undefined);
  for await (const report of reports) state.add(report);
  return state.report();
}

/**
 * The bytes of an output that no part has, or that were not known before all parts were made:
 * headers, which hold checksums, and indexes.
 *
 * @param plan - of the merge
 * @param parts - {@link partsOf} the plan
 * @param report - of all parts
 * @returns the bytes, in the order of the output
 */
export async function bytesBesideParts(
  plan: MergePlan,
  parts: readonly MergePart[],
  report: MergeReport,
): Promise<readonly PlacedBytes[]> {
  const final = await plan.finalLayout(report);
  const planned = plan.layout.files.map(({ pieces }) => new Map(placesOf(pieces)));
  const rest: PlacedBytes[] = [];
  for (const [file, { pieces }] of final.files.entries()) {
    const own = parts.filter((part) => part.file === file);
    let at = 0;
    for (const [position, bytes] of placesOf(pieces)) {
      while ((own[at]?.end ?? Infinity) <= position) at += 1;
      const isInside = (own[at]?.begin ?? Infinity) <= position;
      const before = planned[file]?.get(position);
      if (before?.byteLength !== bytes.byteLength) {
        throw new RangeError(`the layout of ${final.files[file]?.name} changed its size.`);
      }
      if (!isInside || !isSame(before, bytes)) rest.push({ file, position, bytes });
    }
  }
  return rest;
}

/** The work of a part. */
function* segmentsIn(plan: MergePlan, part: MergePart): Generator<Segment> {
  const { begin, end } = part;
  for (const segment of segmentsOfRange(plan.layout, plan.segments, part)) {
    const { position, byteLength, size } = segment;
    // A tensor may have several segments.
    if (position + byteLength <= begin || position >= end) continue;
    const from = Math.max(0, begin - position) / size;
    const to = Math.min(byteLength, end - position) / size;
    yield from === 0 && to === byteLength / size ? segment : stretchOf(segment, from, to);
  }
}

/** The bytes of a part that are no tensors. */
function* bytesIn(
  layout: OutputLayout,
  part: MergePart,
): Generator<{ readonly position: number; readonly bytes: Uint8Array }> {
  const { pieces, position: first } = piecesIn(layout, part);
  for (const [position, bytes] of placesOf(pieces, first)) {
    if (position >= part.begin) yield { position, bytes };
  }
}

/** The pieces of bytes among those of a file, with their offsets. */
function* placesOf(pieces: readonly Piece[], first = 0): Generator<[number, Uint8Array]> {
  let position = first;
  for (const piece of pieces) {
    if (piece.kind === 'bytes' && piece.bytes.byteLength > 0) yield [position, piece.bytes];
    position += lengthOf(piece);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
