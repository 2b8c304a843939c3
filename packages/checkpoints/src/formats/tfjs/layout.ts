// How a model of TensorFlow.js is written with other data: the same model.json but for the shards,
// and the weights in the same order. A weight lies in one shard: that in which it began, or as
// many as fit where the size of shards is given.
import { PolyakError } from '@polyak/core';
import type { StoredDType } from '@polyak/safetensors';
import type {
  CheckpointFile,
  LayoutRequest,
  OutputFile,
  OutputLayout,
  Piece,
  TensorPlace,
} from '../../checkpoint.js';
import { requireSameTensors } from '../same-tensors.js';
import type { Group, JsonRecord, ModelJson, Weight } from './manifest.js';
import { formatModelJson } from './manifest.js';

/** A weight in the shards of its group. */
export interface PlacedWeight {
  /** The weight. */
  readonly weight: Weight;
  /** The index of the shard in which it begins. */
  readonly shard: number;
  /** Where its elements are. */
  readonly place: TensorPlace;
}

/** A group of weights. */
export interface OpenGroup {
  /** What the model.json says. */
  readonly group: Group;
  /** Its weights, in order. */
  readonly weights: readonly PlacedWeight[];
}

/** An open model. */
export interface OpenModelJson {
  /** For messages. */
  readonly name: string;
  /** What its model.json says. */
  readonly model: ModelJson;
  /** Its files. */
  readonly files: readonly CheckpointFile[];
  /** Its groups of weights. */
  readonly groups: readonly OpenGroup[];
  /** All weights. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
}

const MAIN = 'model.json';

/** A shard of the output. */
interface Shard {
  readonly path: string;
  readonly pieces: Piece[];
}

/**
 * Lays out a model with other data.
 *
 * @param opened - the model that it is made from
 * @param request - the tensors must be those of the model, but that float32 may become float16 and
 *   the other way; a name that does not end with `.json` is that of a folder
 * @throws PolyakError `ERR_MISMATCH` where they are not
 */
export function layoutModelJson(opened: OpenModelJson, request: LayoutRequest): OutputLayout {
  const { tensors, metadata, shardBytes } = request;
  const what = `${opened.name}, a model of TensorFlow.js`;
  requireSameTensors(what, opened.tensors, request, (place, { dtype }) => {
    return isStoredFloat(place.dtype) && isStoredFloat(dtype);
  });
  const { main, folder, pathOf } = namesFor(request.name);
  const files: OutputFile[] = [];
  const manifest = opened.groups.map(({ group, weights }, index): JsonRecord => {
    const pieces = weights.map((weight) => pieceOf(weight, opened, request));
    const shards =
      shardBytes === undefined
        ? cutAsBefore(group, weights, pieces)
        : cutBy(shardBytes, index + 1, pieces);
    const paths = shards.map((shard) => {
      const path = pathOf(shard.path);
      files.push({ name: `${folder}${path}`, pieces: shard.pieces });
      return path;
    });
    const entries = weights.map(({ weight }) => entryOf(weight, tensors.get(weight.name)?.dtype));
    return { ...group.entry, paths, weights: entries };
  });
  const text = formatModelJson(opened.model, manifest, metadata);
  const bytes = new TextEncoder().encode(text);
  files.push({ name: main, pieces: [{ kind: 'bytes', bytes }] });
  requireDistinct(opened.name, files);
  return { files };
}

function isStoredFloat(dtype: StoredDType): boolean {
  return dtype === 'float32' || dtype === 'float16';
}

/** The names of the output's files. Shards of a model under another name do not take its place. */
function namesFor(name: string): {
  readonly main: string;
  readonly folder: string;
  readonly pathOf: (path: string) => string;
} {
  if (!name.endsWith('.json')) {
    return { main: `${name}/${MAIN}`, folder: `${name}/`, pathOf: (path) => path };
  }
  const prefix = name === MAIN ? '' : `${name.slice(0, -'.json'.length)}.`;
  return { main: name, folder: '', pathOf: (path) => path.replace(/[^/]*$/, `${prefix}$&`) };
}

function pieceOf(
  { weight, place }: PlacedWeight,
  opened: OpenModelJson,
  request: LayoutRequest,
): Piece {
  const { name } = weight;
  const { file, begin, byteLength, dtype } = place;
  const tensor = request.tensors.get(name);
  if (tensor === undefined) {
    const { source } = opened.files[file] as CheckpointFile;
    return { kind: 'copy', source, begin, byteLength };
  }
  const factor = tensor.dtype === dtype ? 1 : tensor.dtype === 'float16' ? 0.5 : 2;
  return { kind: 'tensor', name, byteLength: byteLength * factor };
}

/** Each shard has the weights that began in it. */
function cutAsBefore(
  { paths }: Group,
  weights: readonly PlacedWeight[],
  pieces: readonly Piece[],
): readonly Shard[] {
  const shards: Shard[] = paths.map((path) => ({ path, pieces: [] }));
  for (const [at, piece] of pieces.entries()) shards[weights[at]?.shard ?? 0]?.pieces.push(piece);
  return shards.filter((shard) => shard.pieces.length > 0);
}

/** Each shard has as many weights as fit. */
function cutBy(shardBytes: number, group: number, pieces: readonly Piece[]): readonly Shard[] {
  const shards: Piece[][] = [];
  let filled = Infinity;
  for (const piece of pieces) {
    if (filled + lengthOf(piece) > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(piece);
    filled += lengthOf(piece);
  }
  return shards.map((each, index) => ({
    path: `group${group}-shard${index + 1}of${shards.length}.bin`,
    pieces: each,
  }));
}

function lengthOf(piece: Piece): number {
  return piece.kind === 'bytes' ? piece.bytes.byteLength : piece.byteLength;
}

/** A weight as it stands in the output. */
function entryOf({ entry, dtype: was }: Weight, dtype: StoredDType = was): JsonRecord {
  if (dtype === was) return entry;
  const { quantization: _, ...rest } = entry;
  if (dtype === 'float32') return rest;
  return { ...rest, quantization: { dtype, original_dtype: 'float32' } };
}

function requireDistinct(name: string, files: readonly OutputFile[]): void {
  const names = new Set(files.map((file) => file.name));
  if (names.size === files.length) return;
  throw new PolyakError(
    'ERR_MISMATCH',
    `${name}: the output would have two files of one name, since a shard of the model is called ` +
      'like it. Write to another name.',
  );
}
