// Runs merges in memory.
import type { Checkpoint, MergeOptions, MergeReport } from '@polyak/checkpoints';
import { planMerge, runMerge } from '@polyak/checkpoints';
import type { HostTensor } from '@polyak/core/interfaces';
import { MemorySink, checkpointOf } from '../support.js';

/** Checkpoints called `model-0` and so on. */
export function checkpointsOf(
  members: readonly Readonly<Record<string, HostTensor>>[],
  gap = 0,
): Checkpoint[] {
  return members.map((each, i) => checkpointOf(`model-${i}`, each, { gap }));
}

/** The output of a merge, its sink and its report. */
export async function merged(
  checkpoints: readonly Checkpoint[],
  options: MergeOptions,
): Promise<{
  readonly bytes: Uint8Array;
  readonly sink: MemorySink;
  readonly report: MergeReport;
}> {
  const plan = await planMerge(checkpoints, 'out', options);
  const sink = new MemorySink(plan.bytesToWrite);
  const report = await runMerge(plan, sink);
  return { bytes: sink.bytes, sink, report };
}

/** Elements of an output. */
export function float32At(
  bytes: Uint8Array,
  begin = 0,
  end: number = bytes.byteLength,
): Float32Array {
  return new Float32Array(bytes.slice(begin, end).buffer);
}
