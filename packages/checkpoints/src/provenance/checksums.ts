// The checksums of tensors in files, read again.
import { sumKernels } from '@polyak/backend-cpu/sums';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { RangeChecksum } from '../engine/checksum.js';
import { loadedUnits } from '../engine/read-ahead.js';
import { unitsOf } from '../engine/units.js';
import type { Operand, Segment } from '../merge/segments.js';

/** Options of reading whole checkpoints. */
export interface ReadOptions {
  /** Ends the reading: its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called after each piece that was read: so many bytes more. */
  readonly onProgress?: (byteLength: number) => void;
}

const SLOT = 9 * 2 ** 20;
// Kernels take addresses above 0.
const FIRST = 16;

/**
 * The checksum of tensors, for each file of a checkpoint.
 *
 * @param checkpoint - that has the tensors
 * @param places - of the tensors
 * @param options - see {@link ReadOptions}
 */
export async function checksumsOf(
  checkpoint: Checkpoint,
  places: Iterable<TensorPlace>,
  { signal, onProgress }: ReadOptions = {},
): Promise<string[]> {
  signal?.throwIfAborted();
  const checksums = checkpoint.files.map(() => new RangeChecksum());
  const kernels = sumKernels(FIRST + 2 * SLOT);
  const slots = [
    { address: FIRST, written: Promise.resolve() },
    { address: FIRST + SLOT, written: Promise.resolve() },
  ];
  const units = unitsOf(segmentsOf(checkpoint, places), SLOT);
  for await (const { unit, slot } of loadedUnits(units, slots, kernels.bytes)) {
    signal?.throwIfAborted();
    let byteLength = 0;
    for (const { segment, addresses } of unit.placed) {
      const [operand] = segment.operands;
      const [address] = addresses;
      if (operand === undefined || address === undefined) continue;
      const { file, begin, byteLength: length } = operand;
      checksums[file]?.add(kernels, slot.address + address, begin, length);
      byteLength += length;
    }
    onProgress?.(byteLength);
  }
  signal?.throwIfAborted();
  return checksums.map(String);
}

/** The ranges of tensors, in the order of the files. Those that adjoin are one. */
function* segmentsOf({ files }: Checkpoint, places: Iterable<TensorPlace>): Generator<Segment> {
  const sorted = [...places];
  sorted.sort((a, b) => a.file - b.file || a.begin - b.begin);
  let last: Operand | undefined;
  for (const { file, begin, byteLength } of sorted) {
    const source = files[file]?.source;
    if (source === undefined) throw new RangeError(`there is no file ${file}.`);
    if (last?.file === file && last.begin + last.byteLength === begin) {
      last.byteLength += byteLength;
      continue;
    }
    if (last !== undefined && last.byteLength > 0) yield segmentOf(last);
    last = { input: 0, file, source, begin, byteLength, dtype: '', weight: 1 };
  }
  if (last !== undefined && last.byteLength > 0) yield segmentOf(last);
}

function segmentOf(operand: Operand): Segment {
  const { byteLength } = operand;
  const common = { file: 0, position: 0, begin: 0, size: 1, dtype: '', tensor: undefined };
  return { ...common, kind: 'copy', byteLength, operands: [operand] };
}
