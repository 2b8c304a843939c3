// The files of a checkpoint, opened by the names that its main file has for them.
import { isInFolder, textOf } from '@polyak/backend-onnx/file';
import { PolyakError } from '@polyak/core';
import { requireMembers } from '@polyak/core/kit';
import type { ByteSource } from '@polyak/safetensors';
import type { CheckpointFile } from '../checkpoint.js';
import { checkpointError } from './refused.js';

/**
 * Opens a file of a checkpoint by its name relative to the folder of the main file, such as
 * `model-00001-of-00002.safetensors`. Rejects where there is none.
 */
export type OpenFile = (name: string) => Promise<CheckpointFile>;

/**
 * Files in memory, of a browser or of a store, as a folder to open checkpoints from.
 *
 * @param sources - the bytes of each file by its name
 * @throws TypeError if they are no Map, such as an object
 */
export function fromSources(sources: ReadonlyMap<string, ByteSource>): OpenFile {
  const remedy = 'Pass new Map([[name, source]]), with blobSource(file) or bytesSource(bytes).';
  const members = { get: 'a function', keys: 'a function' } as const;
  requireMembers('fromSources: the argument', sources, members, remedy);
  return (name) => {
    const source = sources.get(name.replace(/^(\.\/+)+/, ''));
    if (source !== undefined) return Promise.resolve({ name, source });
    const found = [...sources.keys()].slice(0, 10).join(', ');
    return Promise.reject(new RangeError(`it is not among the files given: ${found}`));
  };
}

/**
 * Opens a file that a checkpoint names.
 *
 * @param main - the path or name of the main file, for messages
 * @param location - the name that stands in it, which may be hostile
 * @param open - opens it
 * @throws PolyakError `ERR_CHECKPOINT` where the name leads out of the folder, or there is no such
 *   file
 */
export async function openBeside(
  main: string,
  location: string,
  open: OpenFile,
): Promise<CheckpointFile> {
  if (!isInFolder(location)) {
    const where = JSON.stringify(location);
    throw checkpointError(main, `it names the file ${where}, which leads out of its folder.`);
  }
  try {
    return await open(location);
  } catch (cause) {
    if (PolyakError.is(cause)) throw cause;
    throw checkpointError(
      main,
      `its file "${location}" cannot be opened (${textOf(cause)}). Put it beside, under this name.`,
      cause,
    );
  }
}
