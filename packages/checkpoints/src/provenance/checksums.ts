// The checksums of tensors in files, read again.
import { sumKernels } from '@polyak/backend-cpu/sums';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { RangeChecksum } from '../engine/checksum.js';
import { positionsByName } from '../engine/output-tensors.js';
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

/** Bytes of a file that are added to a checksum. */
interface Range {
  readonly file: number;
  readonly begin: number;
  byteLength: number;
  /** Where they are for the checksum. */
  readonly position: number;
}

/**
 * The checksum of tensors of an input, for each of its files.
 *
 * @param checkpoint - that has the tensors
 * @param places - of the tensors
 * @param options - see {@link ReadOptions}
 */
export async function inputChecksums(
  checkpoint: Checkpoint,
  places: Iterable<TensorPlace>,
  options: ReadOptions = {},
): Promise<string[]> {
  const checksums = checkpoint.files.map(() => new RangeChecksum());
  const ranges = Array.from(places, ({ file, begin, byteLength }) => {
    return { file, begin, byteLength, position: begin };
  });
  await addRanges(checkpoint, ranges, (file) => checksums[file], options);
  return checksums.map(String);
}

/**
 * The checksum of all tensors of an output, one after the other in the order of their names.
 *
 * @param checkpoint - the output
 * @param options - see {@link ReadOptions}
 */
export async function outputChecksum(
  checkpoint: Checkpoint,
  options: ReadOptions = {},
): Promise<string> {
  const tensors = [...checkpoint.tensors];
  const positions = positionsByName(tensors.map(([name, { byteLength }]) => [name, byteLength]));
  const checksum = new RangeChecksum();
  const ranges = tensors.map(([name, { file, begin, byteLength }]) => {
    return { file, begin, byteLength, position: positions.get(name) as number };
  });
  await addRanges(checkpoint, ranges, () => checksum, options);
  return checksum.toString();
}

async function addRanges(
  checkpoint: Checkpoint,
  ranges: Range[],
  checksumOf: (file: number) => RangeChecksum | undefined,
  { signal, onProgress }: ReadOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const kernels = sumKernels(FIRST + 2 * SLOT);
  const slots = [
    { address: FIRST, written: Promise.resolve() },
    { address: FIRST + SLOT, written: Promise.resolve() },
  ];
  const units = unitsOf(segmentsOf(checkpoint, ranges), SLOT);
  for await (const { unit, slot } of loadedUnits(units, slots, kernels.bytes)) {
    signal?.throwIfAborted();
    let read = 0;
    for (const { segment, result } of unit.placed) {
      const { file, position, byteLength } = segment;
      checksumOf(file)?.add(kernels, slot.address + result, position, byteLength);
      read += byteLength;
    }
    onProgress?.(read);
  }
  signal?.throwIfAborted();
}

/** The ranges in the order of the files. Those that adjoin are one. */
function* segmentsOf({ files }: Checkpoint, ranges: Range[]): Generator<Segment> {
  ranges.sort((a, b) => a.file - b.file || a.begin - b.begin);
  let open: Range | undefined;
  for (const range of ranges) {
    if (range.byteLength === 0) continue;
    if (open !== undefined && follows(open, range)) {
      open.byteLength += range.byteLength;
      continue;
    }
    if (open !== undefined) yield segmentOf(files, open);
    open = { ...range };
  }
  if (open !== undefined) yield segmentOf(files, open);
}

function follows({ file, begin, byteLength, position }: Range, next: Range): boolean {
  return (
    next.file === file &&
    next.begin === begin + byteLength &&
    next.position === position + byteLength
  );
}

function segmentOf(files: Checkpoint['files'], range: Range): Segment {
  const { file, begin, byteLength, position } = range;
  const source = files[file]?.source;
  if (source === undefined) throw new RangeError(`there is no file ${file}.`);
  const operand: Operand = { input: 0, file, source, begin, byteLength, dtype: '', weight: 1 };
  const common = { begin: 0, size: 1, dtype: '', tensor: undefined, operands: [operand] };
  return { ...common, kind: 'copy', file, position, byteLength };
}
