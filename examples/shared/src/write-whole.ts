// Files that are there whole or not at all: a full disk or a kill leaves what was there before.
import { rename, rm, writeFile } from 'node:fs/promises';

/** Writes beside `path` and renames, which replaces the old file at once. */
export async function writeWhole(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, data);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
