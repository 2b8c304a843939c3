// Staged files take the places of the old ones, so that readers find one output whole, or none.
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PolyakError } from '@polyak/core';
import { statOf, syncFolder } from './disk.js';
import type { Journal, JournalFile } from './journal.js';
import { removeJournal } from './journal.js';
import type { OutputPlace, Target } from './targets.js';
import { isMain, requireFree, targetOf } from './targets.js';

interface Publication extends Target {
  /** Whether it still has to be renamed. */
  readonly isStaged: boolean;
}

/**
 * Renames the staged files of a journal whose stage is `publishing`, or the rest of them after a
 * process was killed in the midst of it, and removes the journal.
 *
 * @throws PolyakError `ERR_EXISTS` if a file is in the way; `ERR_CHECKPOINT` if a staged file is
 * gone
 */
export async function publish(place: OutputPlace, journal: Journal): Promise<void> {
  const files: Publication[] = [];
  for (const file of journal.files) files.push(await publicationOf(place, file));
  if (!isMain(place, files.at(-1)?.name)) {
    throw new PolyakError('ERR_CHECKPOINT', `${place.journal} is not the journal of its output.`);
  }
  const staged = files.filter(({ isStaged }) => isStaged);
  for (const { path } of staged) await requireFree(path, journal.force);
  const last = files.at(-1);
  // Readers of the old file must not find new data. Where no data is replaced, it may stay.
  if (last?.isStaged === true && (await anyExists(staged.slice(0, -1)))) {
    await rm(last.path, { force: true });
    await syncFolder(dirname(last.path));
  }
  for (const file of staged) {
    if (file === last) await syncFolders(files);
    await rename(file.staged, file.path);
  }
  await syncFolders(files);
  const names = new Set(journal.files.map(({ name }) => name));
  for (const name of journal.orphans) {
    if (!names.has(name)) await rm(join(place.folder, name), { force: true });
  }
  await removeJournal(place.journal);
}

async function publicationOf(place: OutputPlace, file: JournalFile): Promise<Publication> {
  const target = await targetOf(place.folder, file.name);
  const staged = await statOf(target.staged);
  if (staged?.size === file.byteLength) return { ...target, isStaged: true };
  const published = await statOf(target.path);
  if (published?.size === file.byteLength && inodeOf(published) === file.inode) {
    return { ...target, isStaged: false };
  }
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${place.output}: its file ${target.staged} was written and is gone. ` +
      'Pass `force` without `resume` to begin again.',
  );
}

/** What tells a file from others of the same file system. */
export function inodeOf({ ino }: { readonly ino: number | bigint }): string {
  return String(ino);
}

async function anyExists(files: readonly Target[]): Promise<boolean> {
  for (const { path } of files) if ((await statOf(path)) !== undefined) return true;
  return false;
}

async function syncFolders(files: readonly Target[]): Promise<void> {
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) await syncFolder(folder);
}
