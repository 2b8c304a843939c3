// Opens checkpoints by their paths, in Node.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { textOf } from '@polyak/backend-onnx/file';
import { fileInside, folderOfModel } from '@polyak/backend-onnx/file/node';
import { openFile } from '@polyak/safetensors/node';
import type { Checkpoint, CheckpointFile } from './checkpoint.js';
import type { HeaderCache } from './formats/header-cache.js';
import { mainFileOf, openCheckpoint as openFrom } from './formats/open.js';
import { checkpointError } from './formats/refused.js';

/**
 * Opens a checkpoint by its path. No file outside of its folder is opened, whatever names stand in
 * it; links are followed as far as the cache of a model hub has them.
 *
 * @param path - of a file that {@link openFrom} reads, or of a folder with one such file
 * @param cache - shared by checkpoints that are opened together
 * @returns the checkpoint; `close` closes its files
 * @throws PolyakError `ERR_CHECKPOINT` where there is no such file, it is malformed, or it is of a
 *   format that is not read
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { openCheckpoint } from '@polyak/checkpoints/node';
 * import { encodeSafetensors } from '@polyak/safetensors';
 *
 * await writeFile('model.safetensors', encodeSafetensors({}));
 * const checkpoint = await openCheckpoint('model.safetensors');
 * console.log(checkpoint.format, checkpoint.tensors.size); // safetensors 0
 * await checkpoint.close();
 * ```
 */
export async function openCheckpoint(path: string, cache?: HeaderCache): Promise<Checkpoint> {
  const opened: { close(): Promise<void> }[] = [];
  const closeAll = async (): Promise<void> => {
    for (const source of opened.splice(0)) await source.close();
  };
  try {
    const main = await mainPath(path);
    const folder = await folderOfModel(main);
    const open = async (name: string): Promise<CheckpointFile> => {
      const source = await openFile(await fileInside(folder, name));
      opened.push(source);
      return { name: name === basename(main) ? main : join(dirname(main), name), source };
    };
    const checkpoint = await openFrom(basename(main), open, cache);
    return { ...checkpoint, close: closeAll };
  } catch (cause) {
    await closeAll();
    throw cause;
  }
}

async function mainPath(path: string): Promise<string> {
  const status = await stat(path).catch((cause: unknown) => {
    throw checkpointError(path, `there is no such file (${textOf(cause)}).`, cause);
  });
  if (!status.isDirectory()) return path;
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  names.sort();
  return join(path, mainFileOf(path, names));
}
