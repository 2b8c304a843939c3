// Writing to a disk: short writes, full disks, and names that are durable.
import type { FileHandle } from 'node:fs/promises';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The `code` of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** The file that a path leads to: the end of the chain of links, which need not exist. */
export async function linkTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    const next = await readlink(path).catch(() => undefined);
    return next === undefined ? resolve(path) : linkTarget(resolve(dirname(path), next));
  }
}

/** What is at a path, or undefined. */
export async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  return stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** Writes all bytes at a position; one call of the system may write less. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  // The bytes have no length any more where their buffer is transferred meanwhile.
  const { byteLength } = bytes;
  for (let at = 0; at < byteLength;) {
    const length = Math.min(byteLength - at, 2 ** 30);
    const { bytesWritten } = await handle.write(bytes, at, length, position + at);
    if (bytesWritten === 0) throw new Error('the file system wrote no bytes, and gave no error');
    at += bytesWritten;
  }
}

/** Makes new names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders, and keeps names in order by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Gives a file the mode of another, and its owner where the process may. */
export async function takeModeOf(
  handle: FileHandle,
  old: {
    readonly mode: number | bigint;
    readonly uid: number | bigint;
    readonly gid: number | bigint;
  },
): Promise<void> {
  // Only a privileged process may give files away. It clears bits of the mode, which comes after.
  await handle.chown(Number(old.uid), Number(old.gid)).catch(() => undefined);
  await handle.chmod(Number(old.mode) & 0o7777);
}
