// What a merge will do, known from the headers alone: the output's tensors and layout, what is read
// and written, what is left out. Nothing has been read or written yet.
import { PolyakError } from '@polyak/core';
import type { StoredDType } from '@polyak/safetensors';
import type { Checkpoint, LayoutRequest, OutputLayout, OutputTensor } from '../checkpoint.js';
import { applyNames, requireSame, rowRanges } from '../names/index.js';
import type { NamedTensors, NameRules } from '../names/index.js';
import type { LinearMerge } from './linear.js';
import { bytesOf, isMergeable } from './float-dtypes.js';
import type { MergeMethod } from './method.js';
import type { Operand, Segment, SegmentsOfTensor } from './segments.js';
import { lengthOf } from './segments.js';

/** The dtypes that an output can have. */
export type OutputDType = 'float64' | 'float32' | 'float16' | 'bfloat16';

/** What happens to numbers that are not finite. */
export type NonFinitePolicy = 'refuse' | 'skip' | 'propagate';

/** Options of {@link planMerge}. */
export interface MergeOptions {
  /** How elements are merged: weights, or a method. */
  readonly method: LinearMerge | MergeMethod;
  /** The model that the others were trained from, for methods that need it. */
  readonly base?: Checkpoint;
  /**
   * Which tensors are merged, and under which names. Those that are not selected are copied from
   * the last checkpoint.
   */
  readonly names?: NameRules;
  /**
   * Patterns of tensors whose first extent may differ, such as embeddings of a vocabulary that
   * grew. The output has the most rows. A row that only some checkpoints have is merged from those.
   */
  readonly rows?: readonly string[];
  /** The dtype of all floating-point tensors of the output; by default that of the last checkpoint. */
  readonly dtype?: OutputDType;
  /**
   * Numbers that are not finite: `refuse` (default) throws, `skip` merges an element from those
   * checkpoints in which it is finite, `propagate` lets them through.
   */
  readonly nonFinite?: NonFinitePolicy;
  /** The most bytes of a file, if the output is to be cut into several. */
  readonly shardBytes?: number;
}

/** What a merge will do. */
export interface MergePlan {
  /** All checkpoints that are read: the models in order, then the base model. */
  readonly inputs: readonly Checkpoint[];
  /** How many of them are models. */
  readonly models: number;
  readonly method: LinearMerge | MergeMethod;
  readonly nonFinite: NonFinitePolicy;
  /** What the last checkpoint is asked to lay out. */
  readonly request: LayoutRequest;
  /** The layout with checksums of zeros. */
  readonly layout: OutputLayout;
  /** The tensors that are merged. */
  readonly merged: readonly string[];
  /** The tensors that are copied from the last checkpoint since they were not selected. */
  readonly copied: readonly string[];
  readonly bytesToRead: number;
  readonly bytesToWrite: number;
  /** The segments of one tensor of the output. */
  readonly segmentsOfTensor: SegmentsOfTensor;
}

/**
 * Plans a merge. The last checkpoint is the template: the output has its format, its metadata and
 * those tensors that are not merged.
 *
 * @param checkpoints - the models, in order; one at least
 * @param output - the file name of the output, without a folder
 * @param options - see {@link MergeOptions}
 * @throws RangeError where the number of checkpoints or weights is wrong
 * @throws PolyakError `ERR_MISMATCH` with all differences where checkpoints do not fit together,
 *   or a tensor has a dtype that cannot be merged
 */
export async function planMerge(
  checkpoints: readonly Checkpoint[],
  output: string,
  options: MergeOptions,
): Promise<MergePlan> {
  const { method, base, names = {}, rows = [], dtype, nonFinite = 'refuse', shardBytes } = options;
  checkCount(method, checkpoints.length, base);
  const inputs = base === undefined ? checkpoints : [...checkpoints, base];
  const template = checkpoints.at(-1) as Checkpoint;
  const { rename } = names;
  const all = applyNames('planMerge', inputs, rename === undefined ? {} : { rename });
  const selected = applyNames('planMerge', inputs, names);
  requireSame('planMerge', selected, { rows, anyFloat: dtype !== undefined });
  const whole = all[checkpoints.length - 1] as NamedTensors;
  const chosen = selected[checkpoints.length - 1] as NamedTensors;
  requireMergeable(chosen, dtype);
  const ranges = rowRanges(selected, rows);
  const tensors = new Map<string, OutputTensor>();
  for (const [name, place] of whole.tensors) {
    const to = dtype !== undefined && isMergeable(place.dtype) ? dtype : place.dtype;
    const shape = ranges.get(name)?.shape ?? place.shape;
    tensors.set(name, { dtype: to, shape, replaces: whole.original(name) });
  }
  const request: LayoutRequest = {
    name: output,
    tensors,
    metadata: template.metadata,
    ...(shardBytes === undefined ? {} : { shardBytes }),
  };
  const layout = await template.layout(request);
  const merged = [...whole.tensors.keys()].filter((name) => chosen.tensors.has(name));
  const copied = [...whole.tensors.keys()].filter((name) => !chosen.tensors.has(name));
  return {
    inputs,
    models: checkpoints.length,
    method,
    nonFinite,
    request,
    layout,
    merged,
    copied,
    bytesToRead: bytesIn(selected) + copied.reduce((n, name) => n + lengthIn(whole, name), 0),
    bytesToWrite: layout.files.reduce(
      (sum, { pieces }) => pieces.reduce((n, piece) => n + lengthOf(piece), sum),
      0,
    ),
    segmentsOfTensor: segmentsFor({ inputs, selected, whole, tensors, method, ranges }),
  };
}
