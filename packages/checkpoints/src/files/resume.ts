// What becomes of an interrupted merge: it is continued, published, begun again or left alone.
import { rm } from 'node:fs/promises';
import { PolyakError } from '@polyak/core';
import { requireOptions } from '@polyak/core/kit';
import type { Journal } from './journal.js';
import { readJournal, removeJournal } from './journal.js';
import { requireEnded, takeLock } from './lock.js';
import { statOf } from './disk.js';
import type { InputState } from './plan.js';
import { changedInputs, inputStates, requestHash } from './plan.js';
import { inodeOf, publish } from './publish.js';
import type { OutputPlace } from './targets.js';
import { placeOf, requireFree, targetOf } from './targets.js';

/** Whether an output that exists, or that is written in part, is touched. */
export interface ReplaceOptions {
  /** Whether files in its place are replaced, and an interrupted merge is begun again. */
  readonly force?: boolean;
  /** Whether an interrupted merge is continued. */
  readonly resume?: boolean;
}

/** Options of {@link prepareOutput}. */
export interface PrepareOptions extends ReplaceOptions {
  /** With `resume`: what is asked for, as JSON. What was written for another request is refused. */
  readonly request?: unknown;
}

/**
 * The first call for an output, before inputs are opened: whether it may be written. With `resume`,
 * an output that was written to its end is published here. Its inputs need not exist any more.
 *
 * @param path - of the output
 * @param options - what may be touched
 * @returns whether the output is now complete, so that nothing is left to do
 * @throws PolyakError `ERR_EXISTS` if the output exists, or an interrupted merge of it; `ERR_BUSY`
 * if a process writes it; `ERR_MISMATCH` if what is resumed was asked for otherwise, or an input
 * has changed. RangeError if the path names no file
 */
export async function prepareOutput(path: string, options: PrepareOptions = {}): Promise<boolean> {
  const given = requireOptions('prepareOutput', options, ['force', 'resume', 'request']);
  const place = await placeOf(path);
  await requireEnded(place.lock, path);
  const interrupted = await interruptedIn(place, given);
  if (interrupted?.stage === 'publishing') {
    await requireAsked(place, interrupted, given.request);
    const lock = await takeLock(place.lock, path);
    try {
      await publish(place, { ...interrupted, force: forced(interrupted, given) });
    } finally {
      await lock.release();
    }
    return true;
  }
  await requireFree(place.target, forced(interrupted, given));
  return false;
}

/** Whether files are replaced: those who began the merge may have said so. */
export function forced(journal: Journal | undefined, { force = false }: ReplaceOptions): boolean {
  return force || journal?.force === true;
}

/**
 * The interrupted merge that is to be continued.
 *
 * @returns undefined if there is none, or if it is to be begun again
 * @throws PolyakError `ERR_EXISTS` if there is one and the options say nothing of it
 */
export async function interruptedIn(
  place: OutputPlace,
  { force = false, resume = false }: ReplaceOptions,
): Promise<Journal | undefined> {
  const journal = await readJournal(place.journal);
  if (journal === undefined || !isWorthKeeping(journal)) return undefined;
  if (resume) return journal;
  if (force) return undefined;
  throw new PolyakError(
    'ERR_EXISTS',
    `${place.output}: a merge into it was interrupted. ` +
      'Pass `resume` to continue it, or `force` to begin again.',
  );
}

/** Whether there is something to resume. */
export function isWorthKeeping({ progress, stage }: Journal): boolean {
  return progress !== null || stage === 'publishing';
}

/** @throws PolyakError `ERR_MISMATCH` if an interrupted merge was not begun with the same plan */
export function requireSame(place: OutputPlace, before: Journal, now: Journal): void {
  const changed = changedInputs(before.inputs, now.inputs);
  const what =
    changed.length > 0
      ? haveChanged(changed)
      : before.planHash === now.planHash && before.stage === 'writing'
        ? undefined
        : OTHERWISE;
  if (what !== undefined) throw mismatch(place, what);
}

/** As {@link requireSame}, for an output that is written to its end. Inputs may be gone. */
async function requireAsked(place: OutputPlace, before: Journal, request: unknown): Promise<void> {
  if (before.requestHash !== requestHash(request)) throw mismatch(place, OTHERWISE);
  const published = new Set(before.files.map(({ inode }) => inode));
  const now: InputState[] = [];
  for (const { name } of before.inputs) {
    const found = await statOf(name);
    // An input may have been replaced by the output already.
    if (found !== undefined && !published.has(inodeOf(found)))
      now.push(...(await inputStates([name])));
  }
  const changed = changedInputs(before.inputs, now);
  if (changed.length > 0) throw mismatch(place, haveChanged(changed));
}

const OTHERWISE = 'it was begun with other inputs, options or another version';

function haveChanged(names: readonly string[]): string {
  return `these inputs have changed since: ${names.join(', ')}`;
}

function mismatch({ output }: OutputPlace, what: string): PolyakError {
  return new PolyakError(
    'ERR_MISMATCH',
    `${output}: the interrupted merge cannot be resumed, as ${what}. ` +
      'Pass `force` without `resume` to begin again.',
  );
}

/** Removes what an interrupted merge has left. */
export async function removeInterrupted(place: OutputPlace): Promise<void> {
  const journal = await readJournal(place.journal);
  for (const { name } of journal?.files ?? []) {
    await rm((await targetOf(place.folder, name)).staged, { force: true });
  }
  await removeJournal(place.journal);
}
