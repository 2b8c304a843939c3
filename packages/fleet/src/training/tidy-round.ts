// Removes what the jobs of a round wrote, once nothing needs it any more. The end of a round calls
// this, and so does every job that may have written something after it.
import type { Store } from '../store/store.js';
import { keyOf } from './names.js';
import type { RunName } from './names.js';
import { positionOf, readRecord, recordOf, startOf } from './objects.js';
import type { RoundRecord, RunRecord } from './record.js';

/**
 * Removes the objects of a round that its run does not need. Records stay.
 *
 * The run may go on meanwhile: an object that it does not need now is never needed later.
 */
export async function tidyRound(store: Store, name: RunName, round: number): Promise<void> {
  const record = await recordOf(store, name);
  if (record === undefined) return await store.remove(keyOf.folder(name));
  if (record.keepAll) return;
  const { keys, open } = await neededFrom(store, name, record, round);
  const states = [
    ...(await statesAfter(store, name, round - 1)),
    ...(await statesAfter(store, name, round)),
  ];
  const folders = new Set([
    keyOf.after(name, round),
    keyOf.after(name, round + 1),
    keyOf.contributions(name, round),
    keyOf.states(name, round),
    // A worker that missed rounds has its state in the folder of an earlier one.
    ...states.map((key) => key.slice(0, key.lastIndexOf('/') + 1)),
  ]);
  for (const folder of folders) {
    if (!open.includes(folder)) await removeAllBut(store, folder, keys);
  }
}

/** What a run needs. */
interface Needed {
  readonly keys: ReadonlySet<string>;
  /** Folders that are being written. */
  readonly open: readonly string[];
}

/** What a run needs, given that all rounds before `from` have ended. */
async function neededFrom(
  store: Store,
  name: RunName,
  record: RunRecord,
  from: number,
): Promise<Needed> {
  const { round, isCancelled } = await positionOf(store, name, record.rounds.length, from);
  const { weights, momentum } = await startOf(store, name, round, record);
  if (isCancelled || round === record.rounds.length) {
    return { keys: new Set([weights.key]), open: [] };
  }
  const closed = await readRecord<RoundRecord>(store, keyOf.closed(name, round));
  const objects = [weights, ...(momentum === undefined ? [] : [momentum])];
  for (const member of closed?.members ?? []) objects.push(member.weights);
  const keys = new Set([
    ...objects.map(({ key }) => key),
    ...(await statesAfter(store, name, round - 1)),
    ...(await statesAfter(store, name, round)),
  ]);
  const open = [keyOf.after(name, round + 1)];
  if (closed === undefined) open.push(keyOf.contributions(name, round), keyOf.states(name, round));
  return { keys, open };
}

/** The states of workers after a round; none where it is not closed. */
async function statesAfter(store: Store, name: RunName, round: number): Promise<readonly string[]> {
  if (round < 0) return [];
  const closed = await readRecord<RoundRecord>(store, keyOf.closed(name, round));
  return (closed?.states ?? []).map(({ key }) => key);
}

async function removeAllBut(
  store: Store,
  folder: string,
  needed: ReadonlySet<string>,
): Promise<void> {
  const keys = await store.list(folder);
  // With what a process that was killed had begun to write there.
  if (!keys.some((key) => needed.has(key))) return await store.remove(folder);
  for (const key of keys) if (!needed.has(key)) await store.remove(key);
}
