// The process that wants a merge: begins it, or joins one that goes on; waits; clears up after
// failures. It may end at any moment, and be called again.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { MergePlan } from '@polyak/checkpoints';
import { partsOf } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import type { Store } from '../store/store.js';
import type { FlowState, MergeFlows } from './flow.js';
import type { MergeReference } from './keys.js';
import { endKey, folderOf, mergeKey, publicationKey, runFolder } from './keys.js';
import { requireFree, stateOf } from './output.js';
import type { MergeRequest } from './request.js';
import { bytesOf, idOf, storedMerge } from './request.js';
import type { Publication, PublishedMerge, RunEnd } from './run.js';
import { decide, decided, removeRun } from './run.js';

const INTERVAL = 100;
/** Until it is said that there is no worker, in ms. */
const WORKERLESS = 5000;

/** Who is told of what. */
export interface SuperviseOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onParts?: (parts: number) => void;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly onWarning: (message: string) => void;
}

/** How the jobs of a run ended: none are left where another process ended it. */
type EndState = Exclude<FlowState, { readonly kind: 'going on' }>;

/** The result of a merge: of one that was made, that goes on, or that begins now. */
export async function supervised(
  flows: MergeFlows,
  store: Store,
  request: MergeRequest,
  plan: MergePlan,
  options: SuperviseOptions,
): Promise<PublishedMerge> {
  const { signal, onParts, onWarning } = options;
  const merge = idOf(request);
  const parts = partsOf(plan, request.partBytes).length;
  const isThere = async ({ outputs }: PublishedMerge): Promise<boolean> =>
    (await stateOf(store, request.files)) === outputs;
  let run: string | undefined;
  while (run === undefined) {
    signal?.throwIfAborted();
    const state = await flows.state(merge, signal);
    if (state.kind === 'none') {
      await requireFree(store, request);
      run = await begun(flows, store, request, parts);
      continue;
    }
    if (state.kind === 'published' && (await isThere(state.result))) return state.result;
    const reference = { merge, run: state.run };
    if (state.kind === 'going on' && !(await isOver(store, reference))) {
      run = state.run;
      continue;
    }
    const result = await ended(flows, store, reference, request);
    if (result !== undefined && (await isThere(result))) return result;
  }
  onParts?.(parts);
  const reference = { merge, run };
  const follow = (own: SuperviseOptions): Promise<EndState> =>
    waited(flows, reference, parts, plan, own);
  const state = await follow(options).catch(async (error: unknown) => {
    if (signal?.aborted !== true || error !== signal.reason) throw error;
    if (await clearing(error, () => cancelled(flows, store, reference, request))) throw error;
    onWarning('the output is being published, which is not cancelled any more.');
    return await follow({ ...options, signal: undefined });
  });
  if (state.kind === 'published') return state.result;
  if (state.kind === 'none') {
    throw new PolyakError('ERR_CHECKPOINT', 'the merge was ended by another process.');
  }
  const { error } = state;
  const result = await clearing(error, () => ended(flows, store, reference, request, true));
  if (result === undefined) throw error;
  return result;
}

/**
 * Begins a run, unless another process has done so meanwhile.
 *
 * @returns the run whose jobs are in the queue; undefined where it is to be looked again
 */
async function begun(
  flows: MergeFlows,
  store: Store,
  request: MergeRequest,
  parts: number,
): Promise<string | undefined> {
  const merge = idOf(request);
  const own = { request, run: randomBytes(4).toString('hex') };
  const isNew = await store.putIfAbsent(mergeKey(merge), bytesOf(own));
  // One whose process ended before it had added the jobs, or whose jobs Redis has lost, goes on.
  const stored = isNew ? own : await storedMerge(store, merge);
  if (stored === undefined) return undefined;
  const { run } = stored;
  const reference = { merge, run };
  if (isNew) await removeOthers(store, reference);
  if (!(await isOver(store, reference))) {
    const isFree = (await flows.state(merge)).kind === 'none';
    if (!isFree && !isNew) return undefined;
    if (isFree && (await flows.add(reference, parts, request.output)) === run) return run;
    // Another whole run was made since it was asked for.
  }
  await ended(flows, store, reference, request);
  await flows.removeParts(reference, parts);
  return undefined;
}

/** Whether a run was cancelled or withdrawn, perhaps by a process that was killed after that. */
async function isOver(store: Store, reference: MergeReference): Promise<boolean> {
  return (
    (await decided<Publication>(store, publicationKey(reference))) === 'cancelled' ||
    (await decided<RunEnd>(store, endKey(reference))) === 'withdrawn'
  );
}

/** Removes what a process has left that was killed while it removed an earlier run. */
async function removeOthers(store: Store, reference: MergeReference): Promise<void> {
  const [main, own] = [mergeKey(reference.merge), runFolder(reference)];
  for (const key of await store.list(folderOf(reference.merge))) {
    if (key !== main && !key.startsWith(own)) await store.remove(key);
  }
}

/** Cancels a run and removes what it has left, unless its output is being published. */
async function cancelled(
  flows: MergeFlows,
  store: Store,
  reference: MergeReference,
  request: MergeRequest,
): Promise<boolean> {
  const key = publicationKey(reference);
  const publication = await decide<Publication>(store, reference, key, 'cancelled');
  if (publication !== 'cancelled') return false;
  await ended(flows, store, reference, request);
  return true;
}

/**
 * Ends a run, and removes what it has left; for dashboards, jobs that failed may stay.
 *
 * @returns the result where it was published before
 */
async function ended(
  flows: MergeFlows,
  store: Store,
  reference: MergeReference,
  { files }: MergeRequest,
  keepsJobs = false,
): Promise<PublishedMerge | undefined> {
  const end = await decide<RunEnd>(store, reference, endKey(reference), 'withdrawn');
  await (keepsJobs ? flows.settle(reference) : flows.remove(reference));
  await removeRun(store, reference, files);
  return end === 'withdrawn' ? undefined : end;
}

/** Does `clear` after an error, which is told too where that fails. */
async function clearing<R>(error: unknown, clear: () => Promise<R>): Promise<R> {
  try {
    return await clear();
  } catch (cause) {
    const message = `${String(error)} What it has left was not removed: ${String(cause)}`;
    throw new AggregateError([error, cause], message, { cause });
  }
}

/** Waits until a run has ended. */
async function waited(
  flows: MergeFlows,
  { merge, run }: MergeReference,
  parts: number,
  { bytesToRead: total }: MergePlan,
  { signal, onProgress, onWarning }: SuperviseOptions,
): Promise<EndState> {
  const began = Date.now();
  let isWarned = false;
  let shown = -1;
  for (;;) {
    const state = await flows.state(merge, signal);
    if (state.kind === 'none' || state.run !== run) return { kind: 'none' };
    if (state.kind === 'published') onProgress?.({ done: total, total });
    if (state.kind !== 'going on') return state;
    if (state.done !== shown) {
      shown = state.done;
      onProgress?.({ done: Math.floor((total * shown) / Math.max(1, parts)), total });
    }
    if (!isWarned && Date.now() - began > WORKERLESS) {
      isWarned = true;
      if (!(await flows.hasWorkers())) {
        onWarning('no worker is connected: the merge waits until one is started.');
      }
    }
    await setTimeout(INTERVAL);
  }
}
