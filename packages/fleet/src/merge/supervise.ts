// The process that wants a merge: begins it, or joins one that goes on; waits; clears up after
// failures. It may end at any moment, and be called again.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { MergePlan } from '@polyak/checkpoints';
import { partsOf } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import type { Store } from '../store/store.js';
import type { MergeFlows } from './flow.js';
import { mergeKey } from './keys.js';
import { versionOf } from './open-merge.js';
import { stateOf } from './publish-job.js';
import type { MergeRequest, PublishedMerge, StoredMerge } from './request.js';
import { bytesOf, endMerge, idOf, removeMerge, storedMerge } from './request.js';

const INTERVAL = 100;
/** Until it is said that there is no worker, in ms. */
const WORKERLESS = 5000;
/** For how long Redis may be away, in ms. */
const PATIENCE = 60_000;

/** Who is told of what. */
export interface SuperviseOptions {
  readonly signal?: AbortSignal;
  readonly onParts?: (parts: number) => void;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly onWarning?: (message: string) => void;
}

/** The result of a merge: of one that was made, that goes on, or that begins now. */
export async function supervised(
  flows: MergeFlows,
  store: Store,
  request: MergeRequest,
  plan: MergePlan,
  options: SuperviseOptions,
): Promise<PublishedMerge> {
  const merge = idOf(request);
  const parts = partsOf(plan, request.partBytes).length;
  for (;;) {
    options.signal?.throwIfAborted();
    const state = await flows.state(merge);
    if (state.kind === 'published') {
      if ((await stateOf(store, request.files)) === state.result.outputs) return state.result;
    }
    if (state.kind === 'going on') break;
    await requireFree(store, request);
    if (state.kind !== 'none') await cleared(flows, store, merge);
    else if (await begun(flows, store, merge, request, parts)) break;
  }
  options.onParts?.(parts);
  try {
    return await waited(flows, merge, parts, plan, options);
  } catch (error) {
    const isFailed = (await flows.state(merge).catch(() => undefined))?.kind === 'failed';
    if (!isFailed && options.signal?.aborted !== true) throw error;
    try {
      await cleared(flows, store, merge, { keepsJobs: isFailed });
    } catch (cleaning) {
      const message = `${(error as Error).message} And its objects were not removed.`;
      throw new AggregateError([error, cleaning], message, { cause: cleaning });
    }
    throw error;
  }
}

/**
 * Begins a run, unless another process has done so meanwhile.
 *
 * @returns whether the jobs in the queue are of this run
 */
async function begun(
  flows: MergeFlows,
  store: Store,
  merge: string,
  request: MergeRequest,
  parts: number,
): Promise<boolean> {
  const own = { request, run: randomBytes(4).toString('hex') };
  const isNew = await store.putIfAbsent(mergeKey(merge), bytesOf(own));
  // One whose process ended before it had added the jobs, or whose jobs Redis has lost, goes on.
  const stored: StoredMerge | undefined = isNew ? own : await storedMerge(store, merge);
  if (stored === undefined) return false;
  const { run, ended } = stored;
  if (ended === undefined) {
    if ((await flows.state(merge)).kind !== 'none') return false;
    if ((await flows.add({ merge, run }, parts, request.output)) === run) return true;
    // A whole run was made between the last two lines.
    await endMerge(store, merge, stored, 'cancelled');
    await flows.removeParts({ merge, run }, parts);
  }
  await removeMerge(store, merge, stored);
  return false;
}

/** Ends a run, and removes what it has left; for dashboards, jobs that failed may stay. */
async function cleared(
  flows: MergeFlows,
  store: Store,
  merge: string,
  { keepsJobs = false }: { readonly keepsJobs?: boolean } = {},
): Promise<void> {
  const stored = await storedMerge(store, merge);
  if (stored !== undefined) await endMerge(store, merge, stored, stored.ended ?? 'cancelled');
  await (keepsJobs ? flows.settle(merge) : flows.remove(merge));
  if (stored !== undefined) await removeMerge(store, merge, stored);
}

async function requireFree(store: Store, { files, replace }: MergeRequest): Promise<void> {
  if (replace) return;
  for (const { key } of files) {
    if ((await versionOf(store, key)) === undefined) continue;
    throw new PolyakError(
      'ERR_EXISTS',
      `${key} exists in ${store.name}. Name another output, or pass \`force\` to replace it.`,
    );
  }
}

async function waited(
  flows: MergeFlows,
  merge: string,
  parts: number,
  { bytesToRead: total }: MergePlan,
  { signal, onProgress, onWarning = (text) => console.warn(text) }: SuperviseOptions,
): Promise<PublishedMerge> {
  const began = Date.now();
  let isWarned = false;
  let shown = -1;
  for (;;) {
    const state = await patiently(() => flows.state(merge), signal);
    if (state.kind === 'published') {
      onProgress?.({ done: total, total });
      return state.result;
    }
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'none') {
      throw new PolyakError('ERR_CHECKPOINT', 'the merge was ended by another process.');
    }
    if (state.done !== shown) {
      shown = state.done;
      onProgress?.({ done: Math.floor((total * shown) / Math.max(1, parts)), total });
    }
    if (!isWarned && Date.now() - began > WORKERLESS) {
      isWarned = true;
      if (!(await patiently(() => flows.hasWorkers(), signal))) {
        onWarning('no worker is connected: the merge waits until one is started.');
      }
    }
    await pause(signal);
  }
}

/** Asks Redis again while it is away. */
async function patiently<R>(ask: () => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
      await pause(signal);
    }
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(INTERVAL, undefined, signal === undefined ? {} : { signal }).catch(() => {
    signal?.throwIfAborted();
  });
}
