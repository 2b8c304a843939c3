// What a merge will do, known from the headers alone: the output's tensors and layout, what is read
// and written, what is left out. Nothing has been read or written yet.
import type {
  Checkpoint,
  LayoutRequest,
  OutputLayout,
  OutputTensor,
  Piece,
} from '../checkpoint.js';
import { memoryLength, needsOf } from '../engine/memory.js';
import type { MergeReport } from '../engine/report.js';
import { requireFit } from '../names/mismatch.js';
import type { RowRange } from '../names/rows.js';
import { rowRanges } from '../names/rows.js';
import type { NamedTensors } from '../names/rules.js';
import { applyNames } from '../names/rules.js';
import { RECORD_KEY, recordText } from '../provenance/record.js';
import type { NonFinitePolicy } from './checks.js';
import { checkCount, checkOptions, requireMergeable } from './checks.js';
import { requireEnding } from './ending.js';
import { isMergeable } from './float-dtypes.js';
import type { LinearMerge } from './linear.js';
import type { MergeMethod } from './method.js';
import type { MergeOptions } from './options.js';
import { readCheckpoints, readOptions, requireText } from './options.js';
import type { TensorSegments } from './segments.js';
import { lengthOf } from './segments.js';
import { segmentsFor } from './tensor-segments.js';

/** What a merge will do. */
export interface MergePlan {
  /** All checkpoints that are read: the models in order, then the base model. */
  readonly inputs: readonly Checkpoint[];
  /** How many of them are models. */
  readonly models: number;
  /** How elements are merged. */
  readonly method: LinearMerge | MergeMethod;
  /** What happens to numbers that are not finite. */
  readonly nonFinite: NonFinitePolicy;
  /** What the last checkpoint is asked to lay out. */
  readonly request: LayoutRequest;
  /** The layout with checksums of zeros. */
  readonly layout: OutputLayout;
  /** The layout with the checksums of what was read and written. */
  readonly finalLayout: (report: MergeReport) => Promise<OutputLayout>;
  /** The most bytes that one element takes in all inputs and the output together. */
  readonly bytesPerElement: number;
  /** The tensors that are merged. */
  readonly merged: readonly string[];
  /** The tensors that are copied from the last checkpoint since they were not selected. */
  readonly copied: readonly string[];
  /** What the merge reads, without headers and passes of a method. */
  readonly bytesToRead: number;
  /** The length of all files of the output. */
  readonly bytesToWrite: number;
  /** The memory for elements that the merge allocates, besides headers. */
  readonly memoryBytes: number;
  /**
   * How the tensors of the output are made.
   *
   * @internal
   */
  readonly segments: TensorSegments;
}

/**
 * Plans a merge. The last checkpoint is the template: the output has its format, its metadata and
 * those tensors that are not merged.
 *
 * @param checkpoints - the models, in order; one at least
 * @param output - the file name of the output, without a folder
 * @param options - see {@link MergeOptions}
 * @throws TypeError where an argument has the wrong type
 * @throws RangeError where the number of checkpoints or weights is wrong
 * @throws PolyakError `ERR_MISMATCH` with all differences where checkpoints do not fit together,
 *   or a tensor has a dtype that cannot be merged
 */
export async function planMerge(
  checkpoints: readonly Checkpoint[],
  output: string,
  options: MergeOptions,
): Promise<MergePlan> {
  const own = readCheckpoints('planMerge', checkpoints);
  const given = readOptions('planMerge', options);
  requireText('planMerge', 'the output', output);
  const { method, base, names = {}, rows = [], dtype, nonFinite = 'refuse', shardBytes } = given;
  checkCount(method, own.length, base);
  checkOptions(method, rows, nonFinite);
  requireEnding(output, own.at(-1) as Checkpoint);
  const inputs = base === undefined ? own : [...own, base];
  const template = own.length - 1;
  const { rename } = names;
  const all = applyNames('planMerge', inputs, rename === undefined ? {} : { rename });
  const selected = applyNames('planMerge', inputs, names);
  requireFit('planMerge', selected, { rows, anyFloat: dtype !== undefined });
  const whole = all[template] as NamedTensors;
  const chosen = (selected[template] as NamedTensors).tensors;
  requireMergeable(chosen, dtype);
  const ranges = rowsOf(selected, chosen, rows);
  const tensors = new Map<string, OutputTensor>();
  for (const [name, place] of whole.tensors) {
    const to = dtype !== undefined && isMergeable(place.dtype) ? dtype : place.dtype;
    const count = ranges.get(name)?.at(-1)?.end;
    const shape = count === undefined ? place.shape : [count, ...place.shape.slice(1)];
    tensors.set(name, { dtype: to, shape, replaces: whole.original(name) });
  }
  const last = inputs[template] as Checkpoint;
  const recorded = { ...given, models: own, nonFinite };
  const requestOf = (report?: MergeReport): LayoutRequest => ({
    name: output,
    tensors,
    metadata: { ...last.metadata, [RECORD_KEY]: recordText(recorded, report) },
    ...(shardBytes === undefined ? {} : { shardBytes }),
  });
  const request = requestOf();
  const layout = await last.layout(request);
  const bytesPerElement = 8 * (inputs.length + 1);
  const copied = [...whole.tensors.keys()].filter((name) => !chosen.has(name));
  return {
    inputs,
    models: own.length,
    method,
    nonFinite,
    request,
    layout,
    finalLayout: async (report) => await last.layout(requestOf(report)),
    merged: [...chosen.keys()],
    copied,
    bytesPerElement,
    memoryBytes: memoryLength(needsOf(inputs.length, bytesPerElement, method.kind === 'blocks')),
    bytesToRead:
      bytesIn(selected) +
      copied.reduce((sum, name) => sum + lengthIn(whole, name), 0) +
      lengthOfAll(layout, (piece) => piece.kind === 'copy'),
    bytesToWrite: lengthOfAll(layout, () => true),
    segments: segmentsFor({
      inputs,
      template,
      selected,
      whole,
      tensors,
      method,
      rows: ranges,
    }),
  };
}

/** The row ranges of those tensors whose rows differ in number. */
function rowsOf(
  selected: readonly NamedTensors[],
  chosen: NamedTensors['tensors'],
  patterns: readonly string[],
): ReadonlyMap<string, readonly RowRange[]> {
  const found = new Map<string, readonly RowRange[]>();
  if (patterns.length === 0) return found;
  for (const name of chosen.keys()) {
    const counts = selected.map(({ tensors }) => tensors.get(name)?.shape[0] ?? 0);
    if (counts.some((count) => count !== counts[0])) found.set(name, rowRanges(counts));
  }
  return found;
}

function bytesIn(checkpoints: readonly NamedTensors[]): number {
  // Checkpoints with equal headers share a map.
  const known = new Map<NamedTensors['tensors'], number>();
  let total = 0;
  for (const { tensors } of checkpoints) {
    let bytes = known.get(tensors);
    if (bytes === undefined) {
      bytes = 0;
      for (const { byteLength } of tensors.values()) bytes += byteLength;
      known.set(tensors, bytes);
    }
    total += bytes;
  }
  return total;
}

function lengthOfAll({ files }: OutputLayout, isCounted: (piece: Piece) => boolean): number {
  let total = 0;
  for (const { pieces } of files) {
    for (const piece of pieces) if (isCounted(piece)) total += lengthOf(piece);
  }
  return total;
}

function lengthIn({ tensors }: NamedTensors, name: string): number {
  return tensors.get(name)?.byteLength ?? 0;
}
