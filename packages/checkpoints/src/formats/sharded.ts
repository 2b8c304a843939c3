// Checkpoints in several safetensors files with an index.
import { PolyakError } from '@polyak/core';
import { parseShardIndex } from '@polyak/safetensors';
import type { SafetensorsReader, WeightMap } from '@polyak/safetensors';
import type { Checkpoint, CheckpointFile } from '../checkpoint.js';
import { HeaderCache } from './header-cache.js';
import { inFile, openedFile, safetensorsLayout } from './safetensors.js';

// As many as anyone reads.
const MAX_LISTED = 20;

/**
 * Opens a checkpoint in several safetensors files. Reads their headers only.
 *
 * @param name - the path or name of the index, for messages
 * @param index - the bytes of its `*.safetensors.index.json`
 * @param open - opens a file by the name that the index has for it: one beside the index, which no
 *   name leads out of
 * @param cache - shared by checkpoints that are opened together
 * @returns the checkpoint. Its layout is cut into files as it is, or as `shardBytes` says
 * @throws PolyakError `ERR_CHECKPOINT` where the index or a file is malformed, or a file does not
 *   hold exactly the tensors that the index has in it
 */
export async function shardedCheckpoint(
  name: string,
  index: Uint8Array,
  open: (file: string) => Promise<CheckpointFile>,
  cache: HeaderCache = new HeaderCache(),
): Promise<Checkpoint> {
  const weights = parsedIndex(name, index);
  const files: CheckpointFile[] = [];
  const readers = new Map<string, SafetensorsReader>();
  for (const shard of new Set(weights.values())) {
    const file = await open(shard);
    files.push(file);
    readers.set(shard, await openedFile(file.name, file.source, cache));
  }
  requireFit(name, weights, readers);
  const tensors = cache.places([...readers.values()].map((reader) => reader.tensors));
  const metadata = new Map<string, string>();
  // Where files differ, the first one that has a key counts.
  for (const reader of readers.values()) {
    for (const [key, value] of Object.entries(reader.metadata))
      if (!metadata.has(key)) metadata.set(key, value);
  }
  return {
    name,
    format: 'safetensors',
    files,
    tensors,
    metadata: Object.fromEntries(metadata),
    layout: async (request) => safetensorsLayout(request, tensors),
    close: async () => {},
  };
}

function parsedIndex(name: string, index: Uint8Array): WeightMap {
  try {
    return parseShardIndex(index);
  } catch (error) {
    throw inFile(name, error);
  }
}

/** Refuses files that do not hold exactly the tensors that the index has in them. */
function requireFit(
  name: string,
  weights: WeightMap,
  readers: ReadonlyMap<string, SafetensorsReader>,
): void {
  const differences: string[] = [];
  for (const [tensor, shard] of weights) {
    if (readers.get(shard)?.tensors.has(tensor) !== true)
      differences.push(`"${shard}" lacks ${JSON.stringify(tensor)}`);
  }
  for (const [shard, { tensors }] of readers) {
    for (const tensor of tensors.keys()) {
      if (weights.get(tensor) !== shard)
        differences.push(`the index does not have ${JSON.stringify(tensor)} in "${shard}"`);
    }
  }
  if (differences.length === 0) return;
  const listed = differences.slice(0, MAX_LISTED);
  if (listed.length < differences.length)
    listed.push(`and ${differences.length - listed.length} differences more`);
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${name}: the files do not fit the index: ${listed.join('; ')}. Copy all files of one ` +
      'checkpoint again.',
  );
}
