// Reads tensors of one or two checkpoints from first to last, a stretch at a time, for whatever is
// gathered of their elements. The next stretches are read meanwhile.
import { SUM_BLOCK, sumKernels } from '@polyak/backend-cpu/sums';
import type { SumKernels } from '@polyak/backend-cpu/sums';
import type { ByteSource } from '@polyak/safetensors';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { loadedUnits } from '../engine/read-ahead.js';
import type { Placed } from '../engine/units.js';
import { unitsOf } from '../engine/units.js';
import type { Operand, Segment } from '../merge/segments.js';
import type { NameRules } from '../names/rules.js';
import { widen, widenableBytes } from './widen.js';

/** Options of reading checkpoints to inspect them. */
export interface InspectOptions {
  /** Which tensors, and under which names. */
  readonly names?: NameRules;
  /** Called after each piece that was read. */
  readonly onProgress?: (progress: InspectProgress) => void;
  /** Ends the reading: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Their names. */
export const INSPECT_OPTIONS: readonly string[] = ['names', 'onProgress', 'signal'];

/** How far the reading is. */
export interface InspectProgress {
  /** How many bytes of tensors were read. */
  readonly doneBytes: number;
  /** How many there are. */
  readonly totalBytes: number;
}

/** A tensor of a checkpoint. */
export interface Located {
  readonly place: TensorPlace;
  readonly source: ByteSource;
}

/** The elements of a stretch in each checkpoint. They are valid during the call only. */
interface Stretch {
  /** The index of the first element. */
  readonly begin: number;
  /** The elements; none for dtypes that are not read. */
  readonly values: readonly Float64Array[];
  /** Their bytes in the file. */
  readonly bytes: readonly Uint8Array[];
}

/** What is to be gathered of a tensor. */
export interface Task<Row> {
  /** The tensor; in two checkpoints, with as many elements. None is read without any. */
  readonly tensors: readonly Located[];
  /** Begins to gather. One tensor at a time is gathered, so that little memory is in use. */
  begin(): Gathering<Row>;
}

/** What was gathered of a tensor so far. */
interface Gathering<Row> {
  /** Takes the stretches in order, each once. */
  add(stretch: Stretch): void;
  /** What was gathered, after the last stretch. */
  row(): Row;
}

// A slot has room for pieces of 4 MiB of two checkpoints.
const SLOT = 3 * 2 ** 22;
const BUFFER = SUM_BLOCK * 8;
// Kernels take addresses above 0.
const FIRST = 16;

/** The place of a tensor, with the file it is in. */
export function locate({ files }: Checkpoint, place: TensorPlace): Located {
  const file = files[place.file];
  if (file === undefined) throw new RangeError(`there is no file ${place.file}.`);
  return { place, source: file.source };
}

/** The task of a row for which nothing is read. */
export function known<Row>(row: Row): Task<Row> {
  return { tensors: [], begin: () => ({ add: () => undefined, row: () => row }) };
}

/**
 * Reads tensors and yields what was gathered of each, in their order.
 *
 * @param tasks - one for each row; called several times, so that no list of them is in memory
 * @param options - see {@link InspectOptions}
 * @returns the rows, each as soon as its tensor was read
 */
export async function* gather<Row>(
  tasks: () => Iterable<Task<Row>>,
  { onProgress, signal }: Omit<InspectOptions, 'names'>,
): AsyncGenerator<Row, void, undefined> {
  signal?.throwIfAborted();
  let totalBytes = 0;
  for (const { tensors } of tasks()) totalBytes += bytesIn(tensors);
  const kernels = sumKernels(FIRST + 4 * BUFFER + 2 * SLOT);
  const slots = [0, 1].map((index) => ({
    address: FIRST + 4 * BUFFER + index * SLOT,
    written: Promise.resolve(),
  }));
  const waiting = gatherings(tasks());
  let current = waiting.next();
  let index = 0;
  let doneBytes = 0;
  const units = unitsOf(segmentsOf(tasks()), SLOT);
  for await (const { unit, slot } of loadedUnits(units, slots, kernels.bytes)) {
    signal?.throwIfAborted();
    for (const placed of unit.placed) {
      // A segment's file is the index of its task. Tasks before it have been read to their ends.
      for (; current.done !== true && index < placed.segment.file; index += 1) {
        yield current.value.row();
        current = waiting.next();
      }
      if (current.done === true) return;
      for (const stretch of stretchesOf(kernels, placed, slot.address)) current.value.add(stretch);
      doneBytes += placed.segment.operands.reduce((sum, { byteLength }) => sum + byteLength, 0);
    }
    onProgress?.({ doneBytes, totalBytes });
  }
  signal?.throwIfAborted();
  for (; current.done !== true; current = waiting.next()) yield current.value.row();
}

function* gatherings<Row>(tasks: Iterable<Task<Row>>): Generator<Gathering<Row>, void, undefined> {
  for (const task of tasks) yield task.begin();
}

function bytesIn(tensors: readonly Located[]): number {
  return tensors.reduce((sum, { place }) => sum + place.byteLength, 0);
}

function* segmentsOf(tasks: Iterable<Task<unknown>>): Generator<Segment> {
  let index = -1;
  for (const { tensors } of tasks) {
    index += 1;
    const [first] = tensors;
    if (first === undefined || first.place.byteLength === 0) continue;
    const { dtype, byteLength } = first.place;
    const operands = tensors.map(({ place, source }, input): Operand => ({
      ...place,
      input,
      source,
      weight: 1,
    }));
    yield {
      kind: 'same',
      file: index,
      position: 0,
      byteLength,
      dtype,
      size: widenableBytes(dtype) ?? 1,
      tensor: undefined,
      begin: 0,
      operands,
    };
  }
}

function* stretchesOf(
  kernels: SumKernels,
  { segment, addresses }: Placed,
  slot: number,
): Generator<Stretch> {
  const { operands, size, begin } = segment;
  const elements = segment.byteLength / size;
  for (let at = 0; at < elements; at += SUM_BLOCK) {
    const count = Math.min(SUM_BLOCK, elements - at);
    const values: Float64Array[] = [];
    const bytes: Uint8Array[] = [];
    for (const [index, { dtype, byteLength }] of operands.entries()) {
      const bytesPerElement = byteLength / elements;
      const from = slot + (addresses[index] ?? 0) + at * bytesPerElement;
      const length = count * bytesPerElement;
      bytes.push(kernels.bytes.subarray(from, from + length));
      if (widenableBytes(dtype) === undefined) continue;
      const aligned = FIRST + (2 * index + 1) * BUFFER;
      if (from % bytesPerElement !== 0) kernels.bytes.copyWithin(aligned, from, from + length);
      const source = from % bytesPerElement === 0 ? from : aligned;
      values.push(widen(kernels, source, dtype, FIRST + 2 * index * BUFFER, count));
    }
    yield { begin: begin + at, values, bytes };
  }
}
