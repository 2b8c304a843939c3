// Checkpoints in one safetensors file, and how safetensors files are written.
import { PolyakError } from '@polyak/core';
import {
  formatShardIndex,
  layoutOf,
  openSafetensors,
  shardIndexName,
  shardName,
  splitIntoShards,
} from '@polyak/safetensors';
import type { ByteSource, SafetensorsReader, StoredSpec } from '@polyak/safetensors';
import type {
  Checkpoint,
  LayoutRequest,
  OutputFile,
  OutputLayout,
  Piece,
  TensorPlace,
} from '../checkpoint.js';
import { isMergeable } from '../merge/float-dtypes.js';
import { HeaderCache } from './header-cache.js';

/**
 * Opens a checkpoint in one safetensors file. Reads its header only.
 *
 * @param name - its path or name, for messages
 * @param source - its bytes; not closed by the checkpoint
 * @param cache - shared by checkpoints that are opened together
 * @returns the checkpoint; its layout is of one file, or of several and an index where
 *   `shardBytes` is given
 * @throws PolyakError `ERR_CHECKPOINT` where the file is malformed
 */
export async function safetensorsCheckpoint(
  name: string,
  source: ByteSource,
  cache: HeaderCache = new HeaderCache(),
): Promise<Checkpoint> {
  const file = await openedFile(name, source, cache);
  const tensors = cache.places([file.tensors]);
  return {
    name,
    format: 'safetensors',
    files: [{ name, source }],
    tensors,
    metadata: file.metadata,
    layout: async (request) => safetensorsLayout(request, tensors),
    close: async () => {},
  };
}

/** Opens a safetensors file; what is wrong with it is said with its name. */
export async function openedFile(
  name: string,
  source: ByteSource,
  { files: headers }: HeaderCache,
): Promise<SafetensorsReader> {
  try {
    return await openSafetensors(source, { headers });
  } catch (error) {
    throw inFile(name, error);
  }
}

/** The error for a malformed file, with the file's name. */
export function inFile(name: string, error: unknown): unknown {
  if (!PolyakError.is(error) || error.code !== 'ERR_SAFETENSORS') return error;
  const found = error.message.replace(/^safetensors: /, '');
  return new PolyakError('ERR_CHECKPOINT', `${name}: ${found}`, { cause: error });
}

/**
 * Lays out safetensors files. Without `shardBytes` they are cut as the input was.
 *
 * @param request - see {@link LayoutRequest}
 * @param places - the tensors of the input
 * @returns one file, or several and their index
 */
export function safetensorsLayout(
  { name, tensors, metadata, shardBytes }: LayoutRequest,
  places: ReadonlyMap<string, TensorPlace>,
): OutputLayout {
  const specs = new Map<string, StoredSpec>();
  const cut = new Map<number, string[]>();
  for (const [tensor, { dtype, shape, replaces }] of tensors) {
    const place = places.get(replaces);
    // The length of what is only copied; of others it follows from the shape, which may be another.
    const copied = isMergeable(dtype) ? undefined : place?.byteLength;
    specs.set(tensor, { dtype, shape, ...(copied !== undefined && { byteLength: copied }) });
    const file = place?.file ?? 0;
    const names = cut.get(file);
    if (names === undefined) cut.set(file, [tensor]);
    else names.push(tensor);
  }
  const ordered = [...cut];
  ordered.sort(([a], [b]) => a - b);
  const shards =
    shardBytes === undefined
      ? ordered.map(([, names]) => names)
      : splitIntoShards(specs, shardBytes);
  if (shards.length <= 1)
    return {
      files: [fileOf(name.replace(/(\.safetensors)\.index\.json$/, '$1'), specs, metadata)],
    };
  const weights = new Map<string, string>();
  let total = 0;
  const files = shards.map((names, index) => {
    const shard = shardName(name, index, shards.length);
    const own = new Map<string, StoredSpec>();
    for (const tensor of names) {
      weights.set(tensor, shard);
      const spec = specs.get(tensor);
      if (spec !== undefined) own.set(tensor, spec);
    }
    const file = fileOf(shard, own, metadata);
    for (const piece of file.pieces) if (piece.kind === 'tensor') total += piece.byteLength;
    return file;
  });
  const index: Piece = { kind: 'bytes', bytes: formatShardIndex(weights, total) };
  return { files: [...files, { name: shardIndexName(name), pieces: [index] }] };
}

function fileOf(
  name: string,
  specs: ReadonlyMap<string, StoredSpec>,
  metadata: Readonly<Record<string, string>>,
): OutputFile {
  const { header, tensors } = layoutOf(specs, metadata, { order: 'given' });
  const pieces: Piece[] = [{ kind: 'bytes', bytes: header }];
  for (const { name: tensor, begin, end } of tensors)
    pieces.push({ kind: 'tensor', name: tensor, byteLength: end - begin });
  return { name, pieces };
}
