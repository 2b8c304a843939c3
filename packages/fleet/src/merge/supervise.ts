// The process that wants a merge: begins it, or joins one that goes on; waits; clears up after
// failures. It may end at any moment, and be called again.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { MergePlan } from '@polyak/checkpoints';
import { partsOf } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import { isFull } from '../store/disk-error.js';
import type { Store } from '../store/store.js';
import type { FlowState, MergeFlows } from './flow.js';
import type { MergeReference } from './keys.js';
import { endKey, folderOf, mergeKey, publicationKey, runFolder } from './keys.js';
import { requireFree, stateOf } from './output.js';
import type { MergeRequest } from './request.js';
import { bytesOf, idOf, storedMerge } from './request.js';
import type { Publication, PublishedMerge, RunEnd } from './run.js';
import { decide, decided, isStored, removeFiles, removeRun } from './run.js';

const INTERVAL = 100;
/** How often it is asked whether the store has the record of the run, in ms. */
const RECORD = 1000;
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
      // What a run has published whose jobs Redis has lost is its own.
      if ((await storedMerge(store, merge)) === undefined) await requireFree(store, request);
      run = await begun(flows, store, request, parts);
      continue;
    }
    if (state.kind === 'published' && (await isThere(state.result))) return state.result;
    const reference = { merge, run: state.run };
    const isDone = async (): Promise<boolean> =>
      (await isOver(store, reference)) || (await isLost(flows, store, reference));
    if (state.kind === 'going on' && !(await isDone())) {
      run = state.run;
      continue;
    }
    const result = await ended(flows, store, reference, request);
    if (result !== undefined && (await isThere(result))) return result;
  }
  onParts?.(parts);
  const reference = { merge, run };
  const follow = (own: SuperviseOptions): Promise<EndState> =>
    waited(flows, store, reference, { request, parts, total: plan.bytesToRead }, own);
  const state = await follow(options).catch(async (error: unknown) => {
    if (signal?.aborted !== true || error !== signal.reason) throw error;
    if (await clearing(error, () => cancelled(flows, store, reference, request))) throw error;
    onWarning('the output is being published, which is not cancelled any more.');
    return await follow({ ...options, signal: undefined });
  });
  if (state.kind === 'published') return state.result;
  if (state.kind === 'none') {
    throw new PolyakError(
      'ERR_CHECKPOINT',
      'the merge was cancelled by another process, or Redis has lost its jobs in the moment in ' +
        'which it ended. Merge again.',
    );
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
    if (isFree && (await added(flows, store, reference, request, parts))) return run;
    // Another whole run was made since it was asked for.
  }
  await ended(flows, store, reference, request);
  await flows.removeParts(reference, parts);
  return undefined;
}

/** Adds the jobs of a run; false where another one has the merge, or this one has ended. */
async function added(
  flows: MergeFlows,
  store: Store,
  reference: MergeReference,
  { output }: MergeRequest,
  parts: number,
): Promise<boolean> {
  if ((await flows.add(reference, parts, output)) !== reference.run) return false;
  // Asked afterwards: whoever has ended it meanwhile did not find these jobs.
  if (await isLeft(store, reference)) return true;
  await flows.remove(reference);
  return false;
}

/** Whether a run is in the store, and was not cancelled or withdrawn. */
async function isLeft(store: Store, reference: MergeReference): Promise<boolean> {
  return (await isStored(store, reference)) && !(await isOver(store, reference));
}

/** Whether jobs go on of which the store has no record: it was removed, or another one is there. */
async function isLost(
  flows: MergeFlows,
  store: Store,
  reference: MergeReference,
): Promise<boolean> {
  if (await isStored(store, reference)) return false;
  // Asked afterwards: the record of a merge is removed after its job says that it is published.
  const state = await flows.state(reference.merge);
  return state.kind === 'going on' && state.run === reference.run && !state.isPublished;
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
  const decision = (): Promise<RunEnd | undefined> =>
    decide<RunEnd>(store, reference, endKey(reference), 'withdrawn');
  const end = await decision().catch(async (error: unknown) => {
    if (!isFull(error)) throw error;
    // Even a decision does not fit: it is made in the place of what the run has written. Once that
    // is published, nothing is removed.
    if ((await decided(store, publicationKey(reference))) !== undefined) throw error;
    await removeFiles(store, reference, files);
    return await decision();
  });
  await (keepsJobs ? flows.settle(reference) : flows.remove(reference));
  await removeRun(store, reference, files);
  return end === 'withdrawn' ? undefined : end;
}

/** Does `clear` after an error, which is told too where that fails. */
async function clearing<R>(error: unknown, clear: () => Promise<R>): Promise<R> {
  try {
    return await clear();
  } catch (cause) {
    const message = `${sentence(error)} What it has left was not removed: ${sentence(cause)}`;
    throw new AggregateError([error, cause], message, { cause });
  }
}

/** The message of an error, as a sentence. */
function sentence(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/[.\s]*$/, '.');
}

/** What is waited for. */
interface Wait {
  readonly request: MergeRequest;
  readonly parts: number;
  /** The bytes to read, of all parts. */
  readonly total: number;
}

/** Waits until a run has ended. */
async function waited(
  flows: MergeFlows,
  store: Store,
  reference: MergeReference,
  { request, parts, total }: Wait,
  { signal, onProgress, onWarning }: SuperviseOptions,
): Promise<EndState> {
  const { merge, run } = reference;
  const began = Date.now();
  let asked = began;
  let isWarned = false;
  let reported: string | undefined;
  let shown = -1;
  for (;;) {
    const state = await flows.state(merge, signal);
    if (state.kind === 'none' && (await isLeft(store, reference))) {
      onWarning('Redis does not have the jobs of the merge any more. They are added again.');
      if (await added(flows, store, reference, request, parts)) continue;
    }
    if (state.kind === 'none' || state.run !== run) return { kind: 'none' };
    if (state.kind === 'published') onProgress?.({ done: total, total });
    if (state.kind !== 'going on') return state;
    if (state.done !== shown) {
      shown = state.done;
      onProgress?.({ done: Math.floor((total * shown) / Math.max(1, parts)), total });
    }
    if (state.warning !== undefined && state.warning !== reported) {
      reported = state.warning;
      onWarning(reported);
    }
    if (Date.now() - asked > RECORD) {
      asked = Date.now();
      // Where the store cannot be read now, the fleet goes on.
      if (await isLost(flows, store, reference).catch(() => false)) throw lostError(store);
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

function lostError({ name }: Store): PolyakError {
  return new PolyakError(
    'ERR_CHECKPOINT',
    `${name} does not have the record of the merge any more: it was removed, or the folder is ` +
      'not mounted. Mount it if so, and merge again.',
  );
}
