// Merges checkpoints of a store by the workers of a fleet.
import type { MergeOptions, MergePlan, MergeReport } from '@polyak/checkpoints';
import { requireFunction, requireOptions, requireSignal } from '@polyak/core/kit';
import type { Fleet } from '../fleet.js';
import { readFleet } from '../fleet.js';
import { requireKey } from '../store/key.js';
import type { Store } from '../store/store.js';
import { MergeFlows } from './flow.js';
import { keyBeside } from './keys.js';
import type { PlannedMerge } from './open-merge.js';
import { hashOf, planFromStore } from './open-merge.js';
import type { MergeRequest } from './request.js';
import { dataOf, requireOutputKey } from './request.js';
import { supervised } from './supervise.js';

/** How {@link mergeByFleet} merges. */
export interface FleetMergeOptions extends Omit<MergeOptions, 'base'> {
  /** The key of the model that the others were trained from, for methods that need it. */
  readonly base?: string;
  /** How many bytes of the output one job makes, about. Default 256 MB. */
  readonly partBytes?: number;
  /** Whether an output of that key is replaced, with its other files. Default false. */
  readonly force?: boolean;
  /**
   * Cancels the merge: its jobs and what it has written are removed, and the reason is thrown. An
   * output that is being published is not cancelled any more; then the merge ends as without it.
   */
  readonly signal?: AbortSignal;
  /** Called with the number of parts, once they are in the queue. */
  readonly onParts?: (parts: number) => void;
  /** Called as parts are done: the bytes read, of all, about. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Gets what is no reason to end, such as that there is no worker. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** A merge that a fleet has made. */
export interface FleetMerge {
  /** What was planned. */
  readonly plan: MergePlan;
  /** What happened. The checksums are in the record of the output. */
  readonly report: Pick<MergeReport, 'fromLast' | 'nonFinite'>;
}

const OPTIONS = [
  'method',
  'base',
  'names',
  'rows',
  'dtype',
  'nonFinite',
  'shardBytes',
  'partBytes',
  'force',
  'signal',
  'onParts',
  'onProgress',
  'onWarning',
];
const PART_BYTES = 256e6;

/**
 * Merges checkpoints of a store by a fleet: the output is cut into parts, and each is a job for any
 * process that has called `startWorker` with the same store and Redis. The output has the bytes
 * that `mergeFiles` would write for the same names on one machine.
 *
 * A merge outlives this process. Called again with the same arguments, here or elsewhere, it waits
 * for the merge that goes on, or returns what it made.
 *
 * While Redis is away it waits, for a minute at most.
 *
 * @param fleet - the store, which has the inputs and gets the output, and Redis
 * @param inputs - keys of checkpoints in the store, in order
 * @param output - the key of the output
 * @param options - the method, and how it is merged
 * @returns what was planned, and what happened
 * @throws what `mergeFiles` throws. RangeError where the output is one of the inputs, or the method
 *   is not one of `@polyak/checkpoints`; PolyakError `ERR_CHECKPOINT` where an input changed
 *   meanwhile, or the merge was ended elsewhere; Error where Redis is not reached, for a minute if
 *   it was before: the merge goes on then
 * @example
 * ```js
 * import { mean } from '@polyak/checkpoints';
 * import { folderStore, mergeByFleet } from '@polyak/fleet';
 *
 * const inputs = ['run/step-1.safetensors', 'run/step-2.safetensors'];
 * const fleet = { store: folderStore('/mnt/share'), url: 'redis://queue:6379' };
 * await mergeByFleet(fleet, inputs, 'mean.safetensors', { method: mean(2) });
 * ```
 */
export async function mergeByFleet(
  fleet: Fleet,
  inputs: readonly string[],
  output: string,
  options: FleetMergeOptions,
): Promise<FleetMerge> {
  const { store, url } = readFleet('mergeByFleet', fleet);
  const given = readOptions(options);
  const { signal } = given;
  if (!Array.isArray(inputs)) throw new TypeError('mergeByFleet: the inputs are no list of keys.');
  for (const key of [...inputs, ...(given.base === undefined ? [] : [given.base])]) requireKey(key);
  requireOutputKey(output);
  signal?.throwIfAborted();
  const planned = await planOf(store, inputs, output, given);
  try {
    const request = requestOf(inputs, output, given, planned);
    const { onWarning = (text: string) => console.warn(text) } = given;
    const flows = await MergeFlows.connect(url, onWarning);
    try {
      const own = { ...given, onWarning };
      const result = await supervised(flows, store, request, planned.plan, own);
      const { fromLast, nonFinite } = result;
      return { plan: planned.plan, report: { fromLast, nonFinite: new Map(nonFinite) } };
    } finally {
      await flows.close();
    }
  } finally {
    await planned.close();
  }
}

function readOptions(options: FleetMergeOptions): FleetMergeOptions {
  const given = requireOptions('mergeByFleet', options, OPTIONS);
  const { signal, onParts, onProgress, onWarning, partBytes, shardBytes } = given;
  requireSignal('mergeByFleet', signal);
  for (const [name, value] of Object.entries({ onParts, onProgress, onWarning })) {
    if (value !== undefined) requireFunction('mergeByFleet', name, value);
  }
  for (const [name, value] of Object.entries({ partBytes, shardBytes })) {
    if (value === undefined || (Number.isFinite(value) && value >= 1)) continue;
    throw new RangeError(`mergeByFleet: ${name} is ${value}, expected a number >= 1.`);
  }
  return given;
}

async function planOf(
  store: Store,
  inputs: readonly string[],
  output: string,
  options: FleetMergeOptions,
): Promise<PlannedMerge> {
  const { base, method, names, rows, dtype, nonFinite, shardBytes } = options;
  const merge = { method, names, rows, dtype, nonFinite, shardBytes } as MergeOptions;
  return await planFromStore(store, { inputs, output, ...(base !== undefined && { base }) }, merge);
}

function requestOf(
  inputs: readonly string[],
  output: string,
  options: FleetMergeOptions,
  { plan, versions }: PlannedMerge,
): MergeRequest {
  const { method, base, names, rows, dtype, nonFinite, shardBytes } = options;
  const files = plan.layout.files.map(({ name, pieces }) => ({
    key: keyBeside(output, name),
    byteLength: pieces.reduce(
      (sum, piece) => sum + (piece.kind === 'bytes' ? piece.bytes.byteLength : piece.byteLength),
      0,
    ),
  }));
  const read = new Set(versions.map(([key]) => key));
  const both = files.find(({ key }) => read.has(key));
  if (both !== undefined) {
    throw new RangeError(
      `mergeByFleet: ${both.key} is read and would be written. Workers may read it again after ` +
        'it is published: name another output.',
    );
  }
  for (const { key } of files) requireOutputKey(key);
  return {
    inputs,
    ...(base !== undefined && { base }),
    output,
    method: dataOf(method),
    ...(names !== undefined && { names }),
    ...(rows !== undefined && { rows }),
    ...(dtype !== undefined && { dtype }),
    ...(nonFinite !== undefined && { nonFinite }),
    ...(shardBytes !== undefined && { shardBytes }),
    partBytes: options.partBytes ?? PART_BYTES,
    replace: options.force ?? false,
    versions,
    files,
    plan: hashOf(plan),
  };
}
