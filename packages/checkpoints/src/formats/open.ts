// Opens a checkpoint of any format that is read. Files are told apart by their contents.
import { fileKindOf, HEAD_LENGTH, textOf } from '@polyak/backend-onnx/file';
import { PolyakError } from '@polyak/core';
import type { Checkpoint, CheckpointFile } from '../checkpoint.js';
import { HeaderCache } from './header-cache.js';
import { onnxCheckpoint } from './onnx/checkpoint.js';
import type { OpenFile } from './open-file.js';
import { openBeside } from './open-file.js';
import { isPolyakState, polyakCheckpoint } from './polyak.js';
import { checkpointError, READ_FORMATS, refusal } from './refused.js';
import { safetensorsCheckpoint } from './safetensors.js';
import { shardedCheckpoint } from './sharded.js';
import { tfjsCheckpoint } from './tfjs/checkpoint.js';

/**
 * Opens a checkpoint: a safetensors file, the index of a sharded one, an ONNX model, a
 * `model.json` of TensorFlow.js, or a state of averages of this library.
 *
 * @param main - the name of the file that readers open
 * @param open - opens it, and those that it names
 * @param cache - shared by checkpoints that are opened together
 * @returns the checkpoint; its `close` closes nothing that `open` opened
 * @throws PolyakError `ERR_CHECKPOINT` where a file is malformed, or of a format that is not read;
 *   the message says what to do
 * @example
 * ```ts
 * import { fromSources, openCheckpoint } from '@polyak/checkpoints';
 * import { bytesSource, encodeSafetensors } from '@polyak/safetensors';
 *
 * const data = Float32Array.of(1, 2);
 * const bytes = encodeSafetensors({ w: { dtype: 'float32', shape: [2], data } });
 * // Of a File in a browser: blobSource(file).
 * const files = new Map([['model.safetensors', bytesSource(bytes)]]);
 * const checkpoint = await openCheckpoint('model.safetensors', fromSources(files));
 * console.log(checkpoint.format, checkpoint.tensors.size); // safetensors 1
 * ```
 */
export async function openCheckpoint(
  main: string,
  open: OpenFile,
  cache: HeaderCache = new HeaderCache(),
): Promise<Checkpoint> {
  const file = await openMain(main, open);
  const { name, source } = file;
  if (source.size === 0) throw checkpointError(name, 'it is empty. Copy the whole file.');
  const kind = fileKindOf(await source.read(0, Math.min(HEAD_LENGTH, source.size)));
  if (kind?.kind === 'json') return await openJson(file, open, cache);
  if (kind?.kind === 'safetensors' || (kind === undefined && name.endsWith('.safetensors'))) {
    const checkpoint = await safetensorsCheckpoint(name, source, cache);
    return isPolyakState(checkpoint.metadata) ? await polyakCheckpoint(name, source) : checkpoint;
  }
  if (kind !== undefined) throw refusal(name, kind);
  // An ONNX file has no mark.
  return await onnxCheckpoint(file, open);
}

async function openMain(main: string, open: OpenFile): Promise<CheckpointFile> {
  try {
    return await open(main);
  } catch (cause) {
    if (PolyakError.is(cause)) throw cause;
    throw checkpointError(main, `it cannot be opened (${textOf(cause)}).`, cause);
  }
}

async function openJson(
  file: CheckpointFile,
  open: OpenFile,
  cache: HeaderCache,
): Promise<Checkpoint> {
  const { name, source } = file;
  const bytes = await source.read(0, source.size);
  const text = new TextDecoder().decode(bytes);
  if (/"weightsManifest"\s*:/.test(text)) return await tfjsCheckpoint(file, text, open);
  if (/"weight_map"\s*:/.test(text)) {
    return await shardedCheckpoint(name, bytes, (shard) => openBeside(name, shard, open), cache);
  }
  throw checkpointError(
    name,
    'it is JSON without a "weightsManifest", as the model.json of TensorFlow.js has, and without ' +
      'a "weight_map", as the index of sharded safetensors has. ' +
      `Pass the file of the weights: ${READ_FORMATS}.`,
  );
}

// The files by which others than PyTorch save weights, and PyTorch's.
const REFUSED = /\.(bin|pt|pth|ckpt|gguf|h5|keras|npz|msgpack|index)$/;

/**
 * The file of a folder that is the checkpoint.
 *
 * @param folder - its path or name, for messages
 * @param names - of the files in it
 * @returns one of them
 * @throws PolyakError `ERR_CHECKPOINT` where there is none, or a choice
 */
export function mainFileOf(folder: string, names: readonly string[]): string {
  const ending = (end: string): readonly string[] => names.filter((name) => name.endsWith(end));
  const named = (name: string): readonly string[] => names.filter((each) => each === name);
  // Each list is of files that stand for the same weights or belong to one before it.
  const first = (...lists: readonly (readonly string[])[]): readonly string[] =>
    lists.find(({ length }) => length > 0) ?? [];
  const candidates = first(
    [
      ...first(
        named('model.safetensors.index.json'),
        ending('.safetensors.index.json'),
        named('model.safetensors'),
        ending('.safetensors'),
      ),
      ...named('model.json'),
      ...ending('.onnx'),
    ],
    // Opening one of these tells what to do.
    names.filter((name) => REFUSED.test(name)).slice(0, 1),
  );
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const listed = (only === undefined ? names : candidates).slice(0, 10).join(', ');
  throw checkpointError(
    folder,
    only === undefined
      ? `a folder without a checkpoint; found ${listed === '' ? 'no files' : listed}. Expected ` +
          'one *.safetensors.index.json, *.safetensors, *.onnx or model.json.'
      : `a folder with several checkpoints. Pass one of its files: ${listed}.`,
  );
}
