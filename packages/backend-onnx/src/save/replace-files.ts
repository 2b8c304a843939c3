// Writes files under other names and then renames them, so that a failure leaves the old files.
import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Bytes } from '../file/bytes.js';

/** A file to write. */
export interface NewFile {
  /** Its path, free of links: see {@link linkTarget}. */
  readonly path: string;
  /** Its contents, in pieces. */
  readonly chunks: Iterable<Bytes>;
}

/**
 * The file that a path leads to.
 *
 * @param path - of a file, of a link to one, or of neither
 * @returns the end of the chain of links, which need not exist
 */
export async function linkTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const next = await readlink(path).catch(() => undefined);
    return next === undefined ? path : linkTarget(resolve(dirname(path), next));
  }
}

/**
 * Writes all files, or none. A new file takes the mode and the owner of the file that it replaces.
 * While several files are replaced, the last ones, which refer to the others, are away: a process
 * that is killed in that moment leaves a missing file, never an old file with new data.
 *
 * @param files - first those that others refer to
 * @throws the error of the file system; then the folder is unchanged
 */
export async function replaceFiles(files: readonly NewFile[]): Promise<void> {
  const suffix = `.${randomUUID()}`;
  const temporary = ({ path }: NewFile): string => `${path}${suffix}.partial`;
  const backup = ({ path }: NewFile): string => `${path}${suffix}.old`;
  // Newest first, the order of the way back.
  const moved: NewFile[] = [];
  const placed: NewFile[] = [];
  try {
    for (const file of files) await writeFile(temporary(file), file);
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

async function writeFile(temporary: string, { path, chunks }: NewFile): Promise<void> {
  const old = await stat(path).catch(() => undefined);
  const handle = await open(temporary, 'wx', old?.mode);
  try {
    for (const chunk of chunks) await writeAll(handle, chunk);
    if (old !== undefined) {
      // Only a privileged process may give files away.
      await handle.chown(old.uid, old.gid).catch(() => undefined);
      await handle.chmod(old.mode);
    }
    // Without this, the rename may reach the disk before the data.
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
