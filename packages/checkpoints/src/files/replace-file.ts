// Files that are there whole or not at all: a full disk or a kill leaves what was there before.
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { linkTarget, statOf, syncFolder, takeModeOf, writeAll } from './disk.js';
import { diskError } from './disk-error.js';

/**
 * Writes a file beside its place and renames it, which replaces the old file at once. The new file
 * is durable when the promise is fulfilled. The mode of the old file is kept; of a link, the file
 * that it leads to is replaced.
 *
 * @param path - of the file
 * @param chunks - its contents, in order
 * @throws the error of the file system. Then the old file is unchanged, or there is none; if only
 *   the folder could not be synced, the new one is in its place already
 */
export async function writeFileAtomic(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const target = await linkTarget(path);
  const partial = join(dirname(target), `.${basename(target)}.${randomUUID()}.partial`);
  await replaceFile(target, partial, chunks).catch((error: unknown) => {
    throw diskError(error, path);
  });
}

/** The same, by way of a path that the caller gives and that no one else writes. */
export async function replaceFile(
  target: string,
  partial: string,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  try {
    const old = await statOf(target);
    const handle = await open(partial, 'w', Number(old?.mode ?? 0o666) | 0o200);
    try {
      let position = 0;
      for (const chunk of chunks) {
        const { byteLength } = chunk;
        await writeAll(handle, chunk, position);
        position += byteLength;
      }
      if (old !== undefined) await takeModeOf(handle, old);
      // Without this, the rename may reach the disk before the data.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}
