// Layers models and graph models of TensorFlow.js as checkpoints: a model.json and shards.
import { textOf } from '@polyak/backend-onnx/file';
import { PolyakError } from '@polyak/core';
import { elementCount } from '@polyak/core/interfaces';
import type { ByteSource } from '@polyak/safetensors';
import type { Checkpoint, CheckpointFile, TensorPlace } from '../../checkpoint.js';
import type { OpenFile } from '../open-file.js';
import { openBeside } from '../open-file.js';
import { checkpointError } from '../refused.js';
import { concatenated } from './concatenated.js';
import type { OpenGroup, PlacedWeight } from './layout.js';
import { layoutModelJson } from './layout.js';
import type { Group, ModelJson, Weight } from './manifest.js';
import { parseModelJson } from './manifest.js';

/**
 * Opens a model of TensorFlow.js. Weights that are quantized to float16 are tensors of float16;
 * those that are quantized with a scale have a dtype of their own, and are only copied, as strings
 * and complex numbers are.
 *
 * @param file - the model.json
 * @param text - of it
 * @param open - opens the shards
 * @throws PolyakError `ERR_CHECKPOINT` where the model is malformed, or its shards are not as long
 *   as its weights
 */
export async function tfjsCheckpoint(
  file: CheckpointFile,
  text: string,
  open: OpenFile,
): Promise<Checkpoint> {
  const { name } = file;
  const model = parsed(name, text);
  const files = [file];
  const paths = new Set<string>();
  const groups: OpenGroup[] = [];
  for (const group of model.groups) {
    const shards: CheckpointFile[] = [];
    for (const path of group.paths) {
      if (paths.has(path)) throw refused(name, `it names the shard "${path}" twice`);
      paths.add(path);
      shards.push(await openBeside(name, path, open));
    }
    groups.push({ group, weights: await placed(name, group, shards, files) });
  }
  const tensors = new Map<string, TensorPlace>();
  for (const { weight, place } of groups.flatMap(({ weights }) => weights)) {
    if (tensors.has(weight.name)) throw refused(name, `it has two weights "${weight.name}"`);
    tensors.set(weight.name, place);
  }
  return {
    name,
    format: 'tfjs',
    files,
    tensors,
    metadata: model.metadata,
    layout: async (request) => layoutModelJson({ name, model, files, groups, tensors }, request),
    close: async () => {},
  };
}

function parsed(name: string, text: string): ModelJson {
  try {
    return parseModelJson(text);
  } catch (cause) {
    throw checkpointError(
      name,
      `not a model.json of TensorFlow.js, or a damaged one (${textOf(cause)}). Save the model ` +
        'again, or copy the whole file.',
      cause,
    );
  }
}

/** Finds the weights of a group in its shards, which become files of the checkpoint. */
async function placed(
  name: string,
  { weights }: Group,
  shards: readonly CheckpointFile[],
  files: CheckpointFile[],
): Promise<readonly PlacedWeight[]> {
  const source = concatenated(shards.map((shard) => shard.source));
  const first = files.push(...shards) - shards.length;
  const found: PlacedWeight[] = [];
  // A weight that spans shards is read from all of them as one file.
  let whole: number | undefined;
  let [shard, shardBegin, begin] = [0, 0, 0];
  for (const weight of weights) {
    const byteLength = await lengthOf(weight, source, begin);
    if (byteLength > source.size - begin) {
      throw refused(
        name,
        `"${weight.name}" takes ${byteLength} bytes from byte ${begin} of its shards on, which ` +
          `have ${source.size}`,
      );
    }
    const shardEnd = (): number => shardBegin + (shards[shard]?.source.size ?? 0);
    while (begin >= shardEnd() && shard + 1 < shards.length) {
      shardBegin = shardEnd();
      shard += 1;
    }
    const isWithin = begin + byteLength <= shardEnd();
    if (!isWithin) whole ??= files.push({ name: shards[0]?.name ?? name, source }) - 1;
    const { dtype, shape } = weight;
    const at = isWithin
      ? { file: first + shard, begin: begin - shardBegin }
      : { file: whole ?? 0, begin };
    found.push({ weight, shard, place: { dtype, shape, ...at, byteLength } });
    begin += byteLength;
  }
  if (begin === source.size) return found;
  throw refused(name, `its weights take ${begin} bytes of shards that have ${source.size}`);
}

/** The bytes of a weight; Infinity where it is longer than its shards. */
async function lengthOf(weight: Weight, source: ByteSource, begin: number): Promise<number> {
  const count = elementCount(weight.shape);
  if (weight.size !== undefined) return count * weight.size;
  // Each string follows its length.
  let at = begin;
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > source.size) return Infinity;
    const bytes = await source.read(at, 4);
    at += 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }
  return at - begin;
}

function refused(name: string, found: string): PolyakError {
  return checkpointError(name, `${found}. Copy the model.json and its shards again, all of them.`);
}
