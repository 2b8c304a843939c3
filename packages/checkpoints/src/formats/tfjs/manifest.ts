// The model.json of TensorFlow.js: the groups of weights, each in a list of shards.
import type { StoredDType } from '@polyak/safetensors';
import { Members, parseJson } from '@polyak/safetensors/json';
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
  /** The text of each member as it stands in the file. That of the topology is not parsed. */
  readonly members: ReadonlyMap<string, string>;
  /** The strings that this library has written into it. */
  readonly metadata: Readonly<Record<string, string>>;
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

const MANIFEST = 'weightsManifest';
const METADATA = 'userDefinedMetadata';
const KEY = 'polyak';

// A list of extents, in a weight, in a list, in a group, in the list of groups.
const MAX_DEPTH = 5;
// A record with keys of its own takes 20 times its text. No group and no weight is this short.
const SHORTEST_RECORD = 20;
const MAX_MEMBERS = 65_536;

/**
 * Reads a model.json. The topology and whatever else is not about weights stays text: its values
 * would take many times the memory of their text.
 *
 * @param text - of the file
 * @throws SyntaxError where it is not one
 */
export function parseModelJson(text: string): ModelJson {
  const members = membersOf(text.trimStart());
  const metadata: [string, string][] = [];
  for (const [key, value] of membersOf(membersOf(members.get(METADATA)).get(KEY))) {
    if (value.startsWith('"')) metadata.push([key, String(JSON.parse(value))]);
  }
  const groups = groupsOf(members.get(MANIFEST) ?? 'null');
  return { members, metadata: Object.fromEntries(metadata), groups };
}

function groupsOf(text: string): readonly Group[] {
  const most = text.length / SHORTEST_RECORD + 1;
  let records = 0;
  const manifest = parseJson(text, (bracket, depth) => {
    if (bracket === '{') records += 1;
    return depth < MAX_DEPTH && records <= most;
  });
  return list(manifest, `its ${MANIFEST}`).map((each, index) => {
    const what = `group ${index + 1} of its ${MANIFEST}`;
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

/**
 * The text of a model.json with other shards and strings.
 *
 * @param model - what it is made from
 * @param weightsManifest - the groups
 * @param strings - the metadata
 */
export function formatModelJson(
  model: ModelJson,
  weightsManifest: readonly JsonRecord[],
  strings: Readonly<Record<string, string>>,
): string {
  const members = new Map(model.members);
  const metadata = new Map(membersOf(members.get(METADATA)));
  metadata.delete(KEY);
  if (Object.keys(strings).length > 0) metadata.set(KEY, JSON.stringify(strings));
  members.delete(METADATA);
  if (metadata.size > 0) members.set(METADATA, recordOf(metadata));
  return recordOf(members.set(MANIFEST, JSON.stringify(weightsManifest)));
}

/** The text of each member of a record; none where it is not a record. */
function membersOf(text: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (text?.startsWith('{') !== true) return found;
  const members = new Members(text);
  for (let member = members.next(); member !== undefined; member = members.next()) {
    const [key, value] = member;
    requireWhole(key, value.trimEnd());
    found.set(key, value);
    if (found.size > MAX_MEMBERS) throw new SyntaxError(`more than ${MAX_MEMBERS} members`);
  }
  return found;
}

/** Lists and records are whole where their brackets are, which {@link Members} has counted. */
function requireWhole(key: string, value: string): void {
  const [closing] = value.startsWith('{') ? '}' : value.startsWith('[') ? ']' : '';
  if (closing === undefined) JSON.parse(value);
  else if (!value.endsWith(closing)) throw new SyntaxError(`"${key}" has no end`);
}

function recordOf(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`;
}
