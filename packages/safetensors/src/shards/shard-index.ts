// The index of a checkpoint in several files: which of them holds which tensor.
import { isWellFormed, malformed, MAX_HEADER_LENGTH } from '../header/limits.js';
import { decoded } from '../header/preamble.js';
import { cut, excerpt, hasMoreValues, Members, parseJson, PLAIN } from '../json.js';

declare const TextEncoder: new () => { encode(text: string): Uint8Array };

// Of what stands beside the weight map, which is read and not used.
const MAX_VALUES = 65_536;
const MAX_DEPTH = 16;
const CANONICAL = new RegExp(String.raw`"(${PLAIN})"\s*:\s*"(${PLAIN})"`, 'y');
// Also on Windows: no drive, no other stream of a file.
const FILE_NAME = /^(?!\.{1,2}$)[^/\\:\p{Cc}]{1,255}$/u;

/** The file name of each tensor, as a `*.safetensors.index.json` gives it. */
export type WeightMap = ReadonlyMap<string, string>;

/**
 * Reads the index of a sharded checkpoint, such as `model.safetensors.index.json`.
 *
 * @param bytes - the file
 * @returns the file name of each tensor, in the order of the index. No name has a folder in it
 * @throws {@link PolyakError} `ERR_SAFETENSORS` where the bytes are not an index, a tensor
 * stands in it twice, or a file is not in the folder of the index
 * @example
 * ```ts
 * import { formatShardIndex, parseShardIndex } from '@polyak/safetensors';
 *
 * const index = formatShardIndex(new Map([['w', 'model-00001-of-00001.safetensors']]), 8);
 * console.log(parseShardIndex(index).get('w')); // model-00001-of-00001.safetensors
 * ```
 */
export function parseShardIndex(bytes: Uint8Array): WeightMap {
  if (bytes.byteLength > MAX_HEADER_LENGTH) {
    throw malformed(
      `the index has ${bytes.byteLength} bytes, expected at most ${MAX_HEADER_LENGTH}.`,
    );
  }
  try {
    const members = new Members(decoded('index', bytes));
    let weights: WeightMap | undefined;
    for (let member = members.next(); member !== undefined; member = members.next()) {
      const [key, json] = member;
      if (key === 'weight_map') weights = readWeightMap(json);
      else if (hasMoreValues(json, MAX_VALUES)) throw malformed(`the index has too many values.`);
      else parseJson(json, (_bracket, depth) => depth < MAX_DEPTH);
    }
    if (weights !== undefined) return weights;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw malformed(`the index is not that of a sharded checkpoint: ${cause.message}.`, cause);
  }
  throw malformed('the index has no weight_map. Is this a *.safetensors.index.json?');
}

/**
 * Writes the index of a sharded checkpoint, as Hugging Face's libraries do.
 *
 * @param weights - the file name of each tensor
 * @param totalSize - of all tensors, in bytes
 * @returns the bytes of the file
 */
export function formatShardIndex(weights: WeightMap, totalSize: number): Uint8Array {
  const names = [...weights.keys()];
  names.sort();
  // Joined by hand: an object would put names like '10' before all others.
  const lines = names.map(
    (name) => `    ${JSON.stringify(name)}: ${JSON.stringify(weights.get(name))}`,
  );
  return new TextEncoder().encode(
    `{\n  "metadata": {\n    "total_size": ${totalSize}\n  },\n` +
      `  "weight_map": {\n${lines.join(',\n')}\n  }\n}\n`,
  );
}

function readWeightMap(json: string): WeightMap {
  const weights = new Map<string, string>();
  // A name that stands for many tensors is kept once.
  const files = new Map<string, string>();
  const members = new Members(json);
  for (;;) {
    const quick = members.match(CANONICAL);
    const member = quick === undefined ? members.next() : undefined;
    if (quick === undefined && member === undefined) return weights;
    const [name, file] =
      quick === undefined ? [member?.[0] ?? '', fileOf(member)] : [quick[1] ?? '', quick[2]];
    if (file === undefined || !FILE_NAME.test(file) || !isWellFormed(file)) {
      throw malformed(
        `the index has tensor ${excerpt(name)} in ${cut(member?.[1] ?? excerpt(file))}, expected ` +
          'the name of a file beside the index.',
      );
    }
    if (!isWellFormed(name)) throw malformed(`the index: ${excerpt(name)} is not well-formed.`);
    const known = files.get(file) ?? file;
    files.set(known, known);
    weights.set(name, known);
  }
}

function fileOf(member: readonly [string, string] | undefined): string | undefined {
  const json = member?.[1] ?? '';
  return json.startsWith('"') ? String(JSON.parse(json)) : undefined;
}
