// Runs a merge: reads unit by unit, merges, writes.
import type { OutputFile, OutputLayout } from '../checkpoint.js';
import type { MergePlan } from '../merge/plan.js';
import { lengthOf, segmentsOf } from '../merge/segments.js';
import type { OutputSink } from '../merge/sink.js';
import { BlockMerger } from './blocks.js';
import type { MergeMemory } from './memory.js';
import { allocate, needsOf } from './memory.js';
import type { Slot } from './read-ahead.js';
import { loadedUnits } from './read-ahead.js';
import type { MergeReport } from './report.js';
import type { MergeProgress } from './run-state.js';
import { RunState } from './run-state.js';
import { compareSame } from './same.js';
import { mergeSum } from './sum.js';
import type { Placed, Unit } from './units.js';
import { unitsOf } from './units.js';

/** Options of {@link runMerge}. */
export interface RunOptions {
  /** Ends the merge: its reason is thrown. */
  readonly signal?: AbortSignal;
  /**
   * Called after each unit, and once before the first: the bytes read so far, of all. Each pass of
   * a method over a large tensor adds to both.
   */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** What {@link OutputSink.checkpoint} was last given, to go on with the same plan. */
  readonly resumeFrom?: unknown;
}

const CHECKPOINT_INTERVAL = 1000;
// Larger merges of bytes pieces are rare; this many writes at once do no harm.
const WRITES = 64;

/**
 * Runs a merge. Its result does not depend on how it was cut into units, or on whether it was
 * interrupted and resumed.
 *
 * @param plan - see {@link planMerge}
 * @param sink - where the output goes; published at the end, abandoned on an error
 * @param options - see {@link RunOptions}
 * @returns what its caller should know
 * @throws PolyakError `ERR_NON_FINITE` where an input or a result is not finite
 * @throws whatever a source or the sink throws, and the reason of the signal
 */
export async function runMerge(
  plan: MergePlan,
  sink: OutputSink,
  options: RunOptions = {},
): Promise<MergeReport> {
  try {
    const state = new RunState(plan, options.resumeFrom as MergeProgress | undefined);
    await writeTensors(plan, sink, state, options);
    const report = state.report();
    await writeBytes(plan, await plan.finalLayout(report), sink);
    options.signal?.throwIfAborted();
    await sink.publish();
    return report;
  } catch (error) {
    await sink.abandon().catch(() => undefined);
    throw error;
  }
}

async function writeTensors(
  plan: MergePlan,
  sink: OutputSink,
  state: RunState,
  { signal, onProgress }: RunOptions,
): Promise<void> {
  const { method, layout, inputs } = plan;
  const needs = needsOf(inputs.length, plan.bytesPerElement, method.kind === 'blocks');
  const memory = allocate(needs);
  const onRead = (unit: Unit): void => {
    signal?.throwIfAborted();
    state.bytes += bytesOf(unit);
    onProgress?.({ done: state.bytes, total: state.total });
  };
  const blocks =
    method.kind === 'blocks'
      ? new BlockMerger(plan, method, memory, state, { slotLength: needs.slotLength, onRead })
      : undefined;
  const units = unitsOf(segmentsOf(layout, plan.segments), needs.slotLength);
  const { slots, kernels } = memory;
  onProgress?.({ done: state.bytes, total: state.total });
  let saved = Date.now();
  for await (const { unit, slot } of loadedUnits(after(units, state.units), slots, kernels.bytes)) {
    signal?.throwIfAborted();
    for (const placed of unit.placed) {
      const { kind } = placed.segment;
      if (kind === 'sum') mergeSum(memory, placed, slot.address, state, plan);
      if (kind === 'blocks') await blocks?.merge(placed, slot.address);
      if (kind === 'same') compareSame(kernels.bytes, placed, slot.address, state);
      if (kind === 'same' || kind === 'copy') addChecksums(memory, placed, slot.address, state);
      addOutputChecksum(memory, placed, slot.address, state);
    }
    slot.written = writeUnit(layout.files, unit, slot, memory, sink);
    // Its error is thrown when the slot is used again, or at the end.
    slot.written.catch(() => undefined);
    state.units += 1;
    onRead(unit);
    if (Date.now() - saved < CHECKPOINT_INTERVAL) continue;
    await Promise.all(slots.map(({ written }) => written));
    await sink.checkpoint(state.progress());
    saved = Date.now();
  }
  await Promise.all(slots.map(({ written }) => written));
}

function bytesOf({ placed }: Unit): number {
  let bytes = 0;
  for (const { segment } of placed) {
    for (const { byteLength } of segment.operands) bytes += byteLength;
  }
  return bytes;
}

function* after(units: Iterable<Unit>, count: number): Generator<Unit> {
  let skipped = 0;
  for (const unit of units) {
    if (skipped < count) skipped += 1;
    else yield unit;
  }
}

function addChecksums(
  { kernels }: MergeMemory,
  { segment, addresses }: Placed,
  slot: number,
  state: RunState,
): void {
  for (const [i, { input, file, begin, byteLength }] of segment.operands.entries()) {
    if (input === -1) continue;
    state.checksum(input, file).add(kernels, slot + (addresses[i] as number), begin, byteLength);
  }
}

function addOutputChecksum(
  { kernels }: MergeMemory,
  { segment, result }: Placed,
  slot: number,
  state: RunState,
): void {
  const { file, position, byteLength, operands } = segment;
  if (operands[0]?.input === -1) return;
  state.checksum(-1, file).add(kernels, slot + result, position, byteLength);
}

/** Writes the results of a unit; those that lie one after the other at once. */
async function writeUnit(
  files: readonly OutputFile[],
  { placed }: Unit,
  { address }: Slot,
  { kernels }: MergeMemory,
  sink: OutputSink,
): Promise<void> {
  const writes: { file: number; position: number; begin: number; end: number }[] = [];
  for (const { segment, result } of placed) {
    const { file, position, byteLength } = segment;
    const begin = address + result;
    const last = writes.at(-1);
    const follows = last?.file === file && last.position + last.end - last.begin === position;
    if (last !== undefined && follows && last.end === begin) last.end = begin + byteLength;
    else writes.push({ file, position, begin, end: begin + byteLength });
  }
  await Promise.all(
    writes.map(({ file, position, begin, end }) =>
      sink.write(files[file]?.name ?? '', position, kernels.bytes.subarray(begin, end)),
    ),
  );
}

/** Writes what is no tensor: headers and indexes, which hold checksums. */
async function writeBytes(
  { layout }: MergePlan,
  final: OutputLayout,
  sink: OutputSink,
): Promise<void> {
  let pending: Promise<void>[] = [];
  for (const [i, { name, pieces }] of final.files.entries()) {
    let position = 0;
    for (const [k, piece] of pieces.entries()) {
      const planned = layout.files[i]?.pieces[k];
      if (planned === undefined || lengthOf(planned) !== lengthOf(piece)) {
        throw new RangeError(`runMerge: the layout of ${name} changed its size.`);
      }
      if (piece.kind === 'bytes') pending.push(sink.write(name, position, piece.bytes));
      position += lengthOf(piece);
      if (pending.length < WRITES) continue;
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
}
