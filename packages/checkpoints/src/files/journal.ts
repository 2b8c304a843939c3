// What has been written of an output so far, in a file beside it.
import { readFile, rm } from 'node:fs/promises';
import { PolyakError } from '@polyak/core';
import { codeOf } from './disk.js';
import type { InputState } from './plan.js';
import { replaceFile } from './replace-file.js';
import { isInside } from './targets.js';

/** A file of an output. */
export interface JournalFile {
  /** Its name, relative to the folder of the output. */
  readonly name: string;
  readonly byteLength: number;
  /** The number of the staged file in the file system: what is found in its place later is it. */
  readonly inode: string | null;
}

/** What is known of an output that is being written. */
export interface Journal {
  /** Stands for what was asked for, without the inputs: what is published must be the same. */
  readonly requestHash: string;
  /** Stands for all that is written: what is resumed must be the same. */
  readonly planHash: string;
  readonly inputs: readonly InputState[];
  /** Whether files in its place are replaced. */
  readonly force: boolean;
  /** The one that readers open is the last. */
  readonly files: readonly JournalFile[];
  /** Names of files that the replaced output had and the new one has not. */
  readonly orphans: readonly string[];
  /** `publishing`: all bytes are written and durable, and the files are being renamed. */
  readonly stage: 'writing' | 'publishing';
  /** What the engine gave last; null before that. */
  readonly progress: unknown;
}

const VERSION = 2;

/** Writes a journal: the old one or the new one is there at any time. */
export async function writeJournal(path: string, journal: Journal): Promise<void> {
  const text = JSON.stringify({ version: VERSION, ...journal });
  await replaceFile(path, `${path}.partial`, [new TextEncoder().encode(text)]);
}

/** Removes a journal. */
export async function removeJournal(path: string): Promise<void> {
  await rm(`${path}.partial`, { force: true });
  await rm(path, { force: true });
}

/**
 * Reads a journal.
 *
 * @returns undefined if there is none
 * @throws PolyakError `ERR_CHECKPOINT` if it is not one
 */
export async function readJournal(path: string): Promise<Journal | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const journal = parse(text);
  if (journal !== undefined) return journal;
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${path} is not the journal of an interrupted merge by this version. Delete it to begin again.`,
  );
}

function parse(text: string): Journal | undefined {
  try {
    const { version, ...journal } = JSON.parse(text) as { version: unknown } & Journal;
    return version === VERSION && isJournal(journal) ? journal : undefined;
  } catch {
    return undefined;
  }
}

function isJournal(journal: Journal): boolean {
  const { requestHash, planHash, inputs, force, files, orphans, stage, progress } = journal;
  return (
    typeof requestHash === 'string' &&
    typeof planHash === 'string' &&
    inputs.every(
      ({ name, byteLength, modified }) =>
        typeof name === 'string' && isSize(byteLength) && typeof modified === 'number',
    ) &&
    typeof force === 'boolean' &&
    files.length > 0 &&
    files.every(
      ({ name, byteLength, inode }) =>
        isInside(name) && isSize(byteLength) && (inode === null || typeof inode === 'string'),
    ) &&
    orphans.every((name) => isInside(name)) &&
    (stage === 'writing' || stage === 'publishing') &&
    progress !== undefined
  );
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
