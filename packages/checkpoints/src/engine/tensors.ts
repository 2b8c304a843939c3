// The loop of a merge: reads unit by unit, merges, writes. A whole merge is one run of it, and so
// is a part of one.
import type { OutputFile } from '../checkpoint.js';
import type { MergePlan } from '../merge/plan.js';
import type { Segment } from '../merge/segments.js';
import type { OutputSink } from '../merge/sink.js';
import { BlockMerger } from './blocks.js';
import type { MergeMemory } from './memory.js';
import { allocate, needsOf } from './memory.js';
import type { Slot } from './read-ahead.js';
import { loadedUnits } from './read-ahead.js';
import type { RunState } from './run-state.js';
import { compareSame } from './same.js';
import { mergeSum } from './sum.js';
import type { Placed, Unit } from './units.js';
import { unitsOf } from './units.js';

/** What is merged, and where it goes. */
export interface TensorRun {
  /** The work, in the order of the output. */
  readonly segments: Iterable<Segment>;
  /** Takes the results, in that order. */
  readonly sink: Pick<OutputSink, 'write' | 'checkpoint'>;
  /** Ends the run: its reason is thrown. */
  readonly signal: AbortSignal | undefined;
  /** Called after each unit, and once before the first: the bytes read so far, of all. */
  readonly onProgress: ((progress: { done: number; total: number }) => void) | undefined;
}

const CHECKPOINT_INTERVAL = 1000;

/**
 * Merges segments.
 *
 * @param plan - that they are of
 * @param state - units that it has are not merged again
 * @param run - see {@link TensorRun}
 */
export async function writeTensors(
  plan: MergePlan,
  state: RunState,
  { segments, sink, signal, onProgress }: TensorRun,
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
  const units = unitsOf(segments, needs.slotLength);
  const { slots, kernels } = memory;
  onProgress?.({ done: state.bytes, total: state.total });
  let saved = Date.now();
  for await (const { unit, slot } of loadedUnits(after(units, state.units), slots, kernels.bytes)) {
    signal?.throwIfAborted();
    for (const placed of unit.placed) {
      const { kind, operands } = placed.segment;
      if (kind === 'sum') mergeSum(memory, placed, slot.address, state, plan);
      if (kind === 'blocks') await blocks?.merge(placed, slot.address);
      if (kind === 'same') compareSame(kernels.bytes, placed, slot.address, state);
      if (kind === 'same' || kind === 'copy') addChecksums(memory, placed, slot.address, state);
      const isTensor = operands[0]?.input !== -1;
      if (isTensor) state.addOutput(kernels, slot.address + placed.result, placed.segment);
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

/** Writes the results of a unit; those that lie one after the other at once. */
async function writeUnit(
  files: readonly OutputFile[],
  { placed }: Unit,
  { address }: Slot,
  { kernels }: MergeMemory,
  sink: Pick<OutputSink, 'write'>,
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
