// Runs a whole merge: its tensors, then what is no tensor, and publishes it.
import { requireOptions } from '@polyak/core/kit';
import type { OutputLayout } from '../checkpoint.js';
import type { MergePlan } from '../merge/plan.js';
import { lengthOf, segmentsOf } from '../merge/segments.js';
import type { OutputSink } from '../merge/sink.js';
import type { MergeReport } from './report.js';
import type { MergeProgress } from './run-state.js';
import { RunState } from './run-state.js';
import { writeTensors } from './tensors.js';

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
 * @throws TypeError where the options are no object, or one of them is not known
 * @throws whatever a source or the sink throws, and the reason of the signal
 */
export async function runMerge(
  plan: MergePlan,
  sink: OutputSink,
  options: RunOptions = {},
): Promise<MergeReport> {
  try {
    const known = ['resumeFrom', 'signal', 'onProgress'];
    const { resumeFrom, signal, onProgress } = requireOptions('runMerge', options, known);
    const state = new RunState(plan, resumeFrom as MergeProgress | undefined);
    const segments = segmentsOf(plan.layout, plan.segments);
    await writeTensors(plan, state, { segments, sink, signal, onProgress });
    const report = state.report();
    await writeBytes(plan, await plan.finalLayout(report), sink);
    signal?.throwIfAborted();
    await sink.publish();
    return report;
  } catch (error) {
    await sink.abandon().catch(() => undefined);
    throw error;
  }
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
