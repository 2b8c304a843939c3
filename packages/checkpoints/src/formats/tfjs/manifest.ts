// The model.json of TensorFlow.js: the groups of weights, each in a list of shards.
import type { StoredDType } from '@polyak/safetensors';
import { parseJson } from '@polyak/safetensors/json';
import type { Json } from '@polyak/safetensors/json';

/** A record of JSON. */
export type JsonRecord = Readonly<Record<string, Json>>;

/** A weight of a model. */
export interface Weight {
  /** Its name. */
  readonly name: string;
  /** Its extents. */
  readonly shape: readonly number[];
  /** The type that its elements are stored in. */
  readonly dtype: StoredDType;
  /** The bytes of an element; undefined for strings, whose lengths are stored with them. */
  readonly size: number | undefined;
  /** The entry as it stands in the file. */
  readonly entry: JsonRecord;
}

/** Weights that are stored one after the other, in the shards one after the other. */
export interface Group {
  /** The names of the shards, relative to the folder of the file, without `.` and `..`. */
  readonly paths: readonly string[];
  /** In order. */
  readonly weights: readonly Weight[];
  /** The group as it stands in the file. */
  readonly entry: JsonRecord;
}

/** A model.json. */
export interface ModelJson {
  /** As it stands in the file. */
  readonly json: JsonRecord;
  /** Its weights. */
  readonly groups: readonly Group[];
}

/** The bytes of an element. A quantized one takes those of what it is quantized to. */
const SIZES: ReadonlyMap<Json | undefined, number> = new Map([
  ['float32', 4],
  ['float16', 2],
  ['int32', 4],
  ['uint16', 2],
  ['uint8', 1],
  ['bool', 1],
  ['complex64', 8],
]);

const MAX_DEPTH = 200;

/**
 * Reads a model.json.
 *
 * @param text - of the file
 * @throws SyntaxError where it is not one
 */
export function parseModelJson(text: string): ModelJson {
  const json = record(
    parseJson(text, (_bracket, depth) => depth < MAX_DEPTH),
    'the file',
  );
  const groups = list(json['weightsManifest'], 'its weightsManifest').map((each, index) => {
    const what = `group ${index + 1} of its weightsManifest`;
    const entry = record(each, what);
    const paths = list(entry['paths'], `the paths of ${what}`).map((path) =>
      normalized(string(path, `a path of ${what}`)),
    );
    return {
      paths,
      weights: list(entry['weights'], `the weights of ${what}`).map(weightOf),
      entry,
    };
  });
  return { json, groups };
}

function weightOf(each: Json): Weight {
  const entry = record(each, 'a weight');
  const name = string(entry['name'], 'the name of a weight');
  const what = `weight "${name}"`;
  const shape = list(entry['shape'], `the shape of ${what}`).map((extent) => {
    if (typeof extent === 'number' && Number.isSafeInteger(extent) && extent >= 0) return extent;
    throw new SyntaxError(`${what} has the extent ${JSON.stringify(extent)}`);
  });
  const { dtype, quantization } = entry;
  const stored = quantization === undefined ? dtype : record(quantization, what)['dtype'];
  const size = SIZES.get(stored);
  if (typeof stored !== 'string' || (size === undefined && stored !== 'string')) {
    throw new SyntaxError(`${what} has the dtype ${JSON.stringify(stored)}`);
  }
  // Integers that stand for floats: a scale and an offset belong to them.
  const isAffine = quantization !== undefined && stored !== 'float16';
  return { name, shape, dtype: isAffine ? `${stored}*scale` : stored, size, entry };
}

/** A path without `.` and inner `..`. One that leads out of the folder still begins with `..`. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '.' && (part !== '' || parts.length === 0)) parts.push(part);
  }
  return parts.join('/');
}

function record(json: Json | undefined, what: string): JsonRecord {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonRecord;
  throw new SyntaxError(`${what} is not a record`);
}

function list(json: Json | undefined, what: string): readonly Json[] {
  if (Array.isArray(json)) return json as readonly Json[];
  throw new SyntaxError(`${what} is not a list`);
}

function string(json: Json | undefined, what: string): string {
  if (typeof json === 'string') return json;
  throw new SyntaxError(`${what} is not a string`);
}

const METADATA = 'userDefinedMetadata';
const KEY = 'polyak';

/**
 * The strings that this library has written into a model.
 *
 * @param model - with or without them
 */
export function metadataOf({ json }: ModelJson): Readonly<Record<string, string>> {
  const found = membersOf(membersOf(json[METADATA])[KEY]);
  const strings = Object.entries(found).filter((each): each is [string, string] => {
    return typeof each[1] === 'string';
  });
  return Object.fromEntries(strings);
}

/**
 * The text of a model.json with other shards and strings.
 *
 * @param model - what it is made from
 * @param weightsManifest - the groups
 * @param strings - see {@link metadataOf}
 */
export function formatModelJson(
  { json }: ModelJson,
  weightsManifest: readonly JsonRecord[],
  strings: Readonly<Record<string, string>>,
): string {
  const { [KEY]: _, ...others } = membersOf(json[METADATA]);
  const own = Object.keys(strings).length === 0 ? others : { ...others, [KEY]: strings };
  const { [METADATA]: __, ...rest } = json;
  const metadata = Object.keys(own).length === 0 ? {} : { [METADATA]: own };
  return JSON.stringify({ ...rest, weightsManifest, ...metadata });
}

function membersOf(json: Json | undefined): JsonRecord {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
    ? (json as JsonRecord)
    : {};
}
