// A run of a merge in the store: what is decided about it, and its removal. The first process that
// writes a decision makes it, and the others find it: so all of them do the same, and tell the
// same, whoever is killed or stopped in between.
import type { Store } from '../store/store.js';
import type { MergeReference } from './keys.js';
import { endKey, mergeKey, partialId, runFolder } from './keys.js';
import type { MergeRequest, OutputObject } from './request.js';
import { storedMerge } from './request.js';

/** What an output takes the place of: keys and versions, as they are when it is published. */
export interface Replaced {
  /** Removed first: the object that readers open, where others that it refers to are replaced. */
  readonly main: MergeRequest['versions'];
  /** Removed last: those that the new output has not. */
  readonly rest: MergeRequest['versions'];
}

/** The first decision: whether the output is published. Until then, a run may be cancelled. */
export type Publication = Replaced | 'cancelled';

/** What happened in a merge that its caller should know. */
export interface PublishedMerge {
  readonly fromLast: readonly string[];
  readonly nonFinite: readonly (readonly [name: string, count: number])[];
  /** Stands for the objects of the output as they were published. */
  readonly outputs: string;
}

/** The last decision: nothing is to be done any more. */
export type RunEnd = PublishedMerge | 'withdrawn';

/**
 * Decides about a run, unless that was done.
 *
 * @returns what is decided; undefined where the run is not in the store any more
 */
export async function decide<D extends Publication | RunEnd>(
  store: Store,
  reference: MergeReference,
  key: string,
  decision: D,
): Promise<D | undefined> {
  const text = JSON.stringify(decision);
  const isFirst = await store.putIfAbsent(key, new TextEncoder().encode(text));
  // Asked afterwards: a process that was stopped may come after the run was removed.
  if (await isStored(store, reference)) return isFirst ? decision : await decided(store, key);
  if (isFirst) await store.remove(key);
  return undefined;
}

/** What is decided; undefined where nothing is. */
export async function decided<D extends Publication | RunEnd>(
  store: Store,
  key: string,
): Promise<D | undefined> {
  const bytes = await store.get(key);
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as D);
}

/** Whether a run is still to be worked on. */
export async function isGoingOn(store: Store, reference: MergeReference): Promise<boolean> {
  if (!(await isStored(store, reference))) return false;
  return (await decided<RunEnd>(store, endKey(reference))) === undefined;
}

/** Removes what a run that has ended has in the store but its output. May be done again. */
export async function removeRun(
  store: Store,
  reference: MergeReference,
  files: readonly OutputObject[],
): Promise<void> {
  await removeFiles(store, reference, files);
  // Before what is decided: until here, processes that come later find it.
  if (await isStored(store, reference)) await store.remove(mergeKey(reference.merge));
  await store.remove(runFolder(reference));
}

/** Removes files of a run that has ended; if it was withdrawn, those too that were published. */
export async function removeFiles(
  store: Store,
  reference: MergeReference,
  files: readonly OutputObject[],
): Promise<void> {
  const isWithdrawn = (await decided<RunEnd>(store, endKey(reference))) === 'withdrawn';
  const id = partialId(reference);
  // The one that readers open goes first.
  for (const { key } of [...files.slice(-1), ...files.slice(0, -1)]) {
    await (isWithdrawn ? store.withdraw(key, id) : store.removePartial(key, id));
  }
}

/** Whether a run is in the store. */
export async function isStored(store: Store, { merge, run }: MergeReference): Promise<boolean> {
  return (await storedMerge(store, merge))?.run === run;
}
