// Files written beside their place and then renamed into it, so that a failure leaves what was
// there before.
import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, rename, rm } from 'node:fs/promises';
import type { Bytes } from './bytes.js';

/** A file to write. */
export interface NewFile {
  /** Its path. */
  readonly path: string;
  /** Its contents, in pieces. */
  readonly chunks: Iterable<Bytes>;
}

/**
 * Writes files whole or not at all. While files replace others, those that refer to the rest (the
 * last ones) are away: a process killed in that moment leaves a missing file, never an old one with
 * new data.
 *
 * @param files - those that others refer to first
 * @throws whatever the file system throws; then the folder is as it was
 */
export async function replaceFiles(files: readonly NewFile[]): Promise<void> {
  const suffix = `.${randomUUID()}`;
  const temporary = ({ path }: NewFile): string => `${path}${suffix}.partial`;
  const backup = ({ path }: NewFile): string => `${path}${suffix}.old`;
  // Newest first: the order in which they are taken back.
  const moved: NewFile[] = [];
  const placed: NewFile[] = [];
  try {
    for (const file of files) await writeFile(temporary(file), file.chunks);
    if (files.length > 1) {
      const dependentFirst = files.reduceRight<readonly NewFile[]>(
        (list, file) => [...list, file],
        [],
      );
      for (const file of dependentFirst) {
        if (!(await isFile(file.path))) continue;
        await rename(file.path, backup(file));
        moved.unshift(file);
      }
    }
    for (const file of files) {
      await rename(temporary(file), file.path);
      placed.unshift(file);
    }
  } catch (error) {
    if (files.length > 1) for (const { path } of placed) await rm(path, { force: true });
    for (const file of moved) await rename(backup(file), file.path);
    throw error;
  } finally {
    for (const file of files) await rm(temporary(file), { force: true });
  }
  for (const file of moved) await rm(backup(file), { force: true });
}

async function writeFile(path: string, chunks: Iterable<Bytes>): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    for (const chunk of chunks) await writeAll(handle, chunk);
    // A rename may reach the disk before the data do.
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Bytes): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, at, Math.min(chunk.length - at, 2 ** 30));
    at += bytesWritten;
  }
}

async function isFile(path: string): Promise<boolean> {
  const status = await lstat(path).catch(() => undefined);
  // Never move a folder out of the way.
  if (status?.isDirectory() === true) throw new TypeError(`${path} is a folder`);
  return status !== undefined;
}
