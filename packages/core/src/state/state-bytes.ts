// States as bytes: a safetensors file, in which Python finds each tensor under its path. The rest
// of the state is JSON in the metadata.
import { requireOptions } from '../arguments.js';
import { PolyakError } from '../error.js';
import { excerpt, hasMoreValues, parseJson } from '@polyak/safetensors/json';
import type { Json } from '@polyak/safetensors/json';
import {
  decodeSafetensors,
  encodeSafetensors,
  encodeSafetensorsChunks,
  METADATA,
} from '@polyak/safetensors';
import type { DecodeOptions } from '@polyak/safetensors';
import { isList, isTensor } from './state-tree.js';
import type { StateTree } from './state-tree.js';
import type { HostTensor } from '../tensor/tensor.js';

const KEY = 'polyak';
const VERSION = 1;
// Far deeper than any state, and far too shallow to overflow the stack.
const MAX_DEPTH = 256;
// The envelope around the state, and the records that stand for a tensor or a number.
const ADDED_DEPTH = 2;
// JSON values take far more memory than their text. A tensor has a few: its record and its name.
const MAX_VALUES = 250_000;
const MAX_VALUES_PER_TENSOR = 4;
const TENSOR = '$tensor';
const NUMBER = '$number';
// The numbers that JSON lacks.
const NUMBERS: ReadonlyMap<Json, number> = new Map(
  [NaN, Infinity, -Infinity, -0].map((value) => [nameOf(value), value]),
);

/** The arguments of the recursion over a state. */
interface Packing {
  readonly call: string;
  /** The keys that lead to the node, and the nodes on the way. */
  readonly path: string[];
  readonly ancestors: StateTree[];
  readonly tensors: Map<string, HostTensor>;
}

/**
 * Encodes a state as a safetensors file. A tensor is named by the keys that lead to it, joined by
 * `/`, such as `swaState/conv1.weight`. If that name is taken or not allowed, `#2` (and so on) is
 * appended. The rest is JSON in the metadata entry `polyak`: `{"$tensor": name}` and
 * `{"$number": "NaN"}` represent tensors and the numbers that JSON lacks, and a key that begins
 * with `$` gets a second `$`.
 *
 * {@link fromSafetensors} restores the state exactly, including the bits of NaN in tensors,
 * infinities, -0 and the order of keys.
 *
 * @param state - plain data, nested at most 256 deep; not changed
 * @returns a new array
 * @throws TypeError if a node is not plain data (undefined, functions, class instances, cycles,
 *   holes in lists), naming its path, or if a tensor is malformed
 * @throws RangeError if a tensor's data and shape disagree, or if the rest is longer than 100 MB or
 *   has more than 250,000 values, plus 4 for each tensor
 * @throws {@link PolyakError} `ERR_UNSUPPORTED` on a big-endian machine
 * @example
 * ```ts
 * import { toSafetensors } from '@polyak/core';
 * import { decodeSafetensors } from '@polyak/safetensors';
 *
 * const weight = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } as const;
 * const bytes = toSafetensors({ swaState: { 'conv1.weight': weight }, nAvg: 3 });
 * console.log(Object.keys(decodeSafetensors(bytes).tensors)); // ['swaState/conv1.weight']
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
export function toSafetensors(state: StateTree): Uint8Array {
  return encodeSafetensors(...filed('toSafetensors', state));
}

/**
 * {@link toSafetensors} without a copy of the tensors, in chunks for a file or a stream. Large
 * tensors are chunks of their own: views of their data, of at most 1 GiB each. So the file can be
 * longer than one array can be, and takes no memory.
 *
 * @param state - as for {@link toSafetensors}. Its tensors may not change before the chunks are
 *   written
 * @returns chunks that make up the bytes of {@link toSafetensors}; can be iterated repeatedly
 * @throws what {@link toSafetensors} throws, before the first chunk
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { toSafetensorsChunks } from '@polyak/core';
 *
 * await writeFile('/dev/null', toSafetensorsChunks({ nAvg: 3 }));
 * // In browsers: new Blob([...toSafetensorsChunks(state)])
 * ```
 */
export function toSafetensorsChunks(state: StateTree): Iterable<Uint8Array> {
  return encodeSafetensorsChunks(...filed('toSafetensorsChunks', state));
}

/** The tensors and the metadata of the file. */
function filed(
  call: string,
  state: StateTree,
): [tensors: Record<string, HostTensor>, metadata: Record<string, string>] {
  const tensors = new Map<string, HostTensor>();
  const packed = pack(state, { call, path: [], ancestors: [], tensors });
  const text = JSON.stringify({ version: VERSION, state: packed });
  const excess = excessOf(text, tensors.size);
  if (excess !== undefined)
    throw new RangeError(`${call}: ${excess}. Keep long lists of numbers as tensors.`);
  return [Object.fromEntries(tensors), { [KEY]: text }];
}

/**
 * Reads a state from the bytes of a safetensors file. A file that {@link toSafetensors} did not
 * write, such as weights saved by Python, gives a record of its tensors by name.
 *
 * @param bytes - the file
 * @param options - `copy: false` makes tensors views of `bytes`, to load a state without another
 *   copy of it; see {@link DecodeOptions}
 * @returns the state, which by default shares no memory with `bytes`
 * @throws TypeError if `bytes` is not a `Uint8Array`
 * @throws {@link PolyakError} `ERR_SAFETENSORS` if the bytes are not a well-formed file, or the
 *   metadata entry `polyak` does not fit its tensors; `ERR_UNSUPPORTED` on a big-endian machine
 * @example
 * ```ts
 * import { fromSafetensors, toSafetensors } from '@polyak/core';
 *
 * const bytes = toSafetensors({ nAvg: 3, lr: [0.1, NaN] });
 * console.log(fromSafetensors(bytes)); // { nAvg: 3, lr: [0.1, NaN] }
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
export function fromSafetensors(bytes: Uint8Array, options: DecodeOptions = {}): StateTree {
  const given = requireOptions('fromSafetensors', options, ['copy']);
  const { tensors, metadata } = decodeSafetensors(bytes, given);
  const text = metadata[KEY];
  if (text === undefined) return tensors;
  const rest = new Map<Json, HostTensor>(Object.entries(tensors));
  const excess = excessOf(text, rest.size);
  if (excess !== undefined) throw lying(excess);
  const state = unpack(readEnvelope(text), rest);
  for (const name of rest.keys())
    throw lying(`the state lacks the tensor ${excerpt(name)} of the file`);
  return state;
}

function pack(node: StateTree, packing: Packing): Json {
  const { call, path, ancestors, tensors } = packing;
  if (typeof node === 'number') return packNumber(node);
  if (node === null || typeof node === 'boolean' || typeof node === 'string') return node;
  checkPlain(node, call, path);
  if (isTensor(node)) {
    const name = freeName(path, tensors);
    tensors.set(name, node);
    return { [TENSOR]: name };
  }
  if (ancestors.includes(node)) throw notPlain(call, path, 'a cycle');
  if (path.length >= MAX_DEPTH) throw notPlain(call, path, `nested deeper than ${MAX_DEPTH}`);
  const inside = (key: string, child: StateTree): Json => {
    path.push(key);
    const packed = pack(child, packing);
    path.pop();
    return packed;
  };
  ancestors.push(node);
  const packed: Json = isList(node)
    ? Array.from(node, (child, index) => inside(String(index), child))
    : Object.fromEntries(
        Object.entries(node).map(([key, child]) => [
          key.startsWith('$') ? `$${key}` : key,
          inside(key, child),
        ]),
      );
  ancestors.pop();
  return packed;
}

function packNumber(value: number): Json {
  const name = nameOf(value);
  return NUMBERS.has(name) ? { [NUMBER]: name } : value;
}

function nameOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function checkPlain(
  node: HostTensor | readonly StateTree[] | { readonly [key: string]: StateTree },
  call: string,
  path: readonly string[],
): void {
  if (typeof node !== 'object') throw notPlain(call, path, `of type ${typeof node}`);
  if (isList(node)) {
    const keys = Object.keys(node);
    if (keys.length === node.length && keys.every((key, index) => key === String(index))) return;
    throw notPlain(call, path, 'a list with holes or with named members');
  }
  // Not compared with Object.prototype, which differs between realms.
  const prototype: unknown = Object.getPrototypeOf(node);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    const remedy = ArrayBuffer.isView(node) ? '; a tensor is { dtype, shape, data }' : '';
    throw notPlain(call, path, `an instance of a class${remedy}`);
  }
  if (Object.getOwnPropertySymbols(node).length > 0)
    throw notPlain(call, path, 'a record with symbols for keys');
  if (!isTensor(node)) return;
  const extra = Object.keys(node).find((key) => !['dtype', 'shape', 'data'].includes(key));
  if (extra !== undefined) throw notPlain(call, path, `a tensor with a member ${excerpt(extra)}`);
}

function notPlain(call: string, path: readonly string[], found: string): TypeError {
  const what = path.length === 0 ? 'the state' : excerpt(path.join('/'));
  return new TypeError(
    `${call}: ${what} is ${found}. A state holds null, booleans, numbers, strings, ` +
      'tensors, lists and plain records.',
  );
}

function freeName(path: readonly string[], taken: ReadonlyMap<string, HostTensor>): string {
  const wanted = path.join('/').replace(/\p{Surrogate}/gu, '\ufffd');
  let name = wanted;
  for (let count = 2; name === METADATA || taken.has(name); count += 1) name = `${wanted}#${count}`;
  return name;
}

/** The problem of a state with too many values to be read, if it is one. */
function excessOf(text: string, tensorCount: number): string | undefined {
  const most = MAX_VALUES + MAX_VALUES_PER_TENSOR * tensorCount;
  return hasMoreValues(text, most)
    ? `the state has more than ${most} values beside its tensors`
    : undefined;
}

function readEnvelope(text: string): Json {
  let envelope: Json;
  try {
    envelope = parseJson(text, (_bracket, depth) => depth < MAX_DEPTH + ADDED_DEPTH);
  } catch (cause) {
    throw lying(`it is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const { version, state, ...rest } = isRecord(envelope) ? envelope : {};
  if (version !== VERSION) {
    throw lying(
      `its version is ${excerpt(version)}, expected ${VERSION}. Was it written by a later Polyak?`,
    );
  }
  if (state === undefined) throw lying('it has no state');
  for (const key of Object.keys(rest)) throw lying(`it has an unknown member ${excerpt(key)}`);
  return state;
}

function unpack(node: Json, rest: Map<Json, HostTensor>): StateTree {
  if (isList(node)) return node.map((child) => unpack(child, rest));
  if (!isRecord(node)) return node;
  if (Object.keys(node).length === 1) {
    if (node[TENSOR] !== undefined) return takeTensor(node[TENSOR], rest);
    if (node[NUMBER] !== undefined) return readNumber(node[NUMBER]);
  }
  return Object.fromEntries(
    Object.entries(node).map(([key, child]) => [readKey(key), unpack(child, rest)]),
  );
}

function takeTensor(name: Json, rest: Map<Json, HostTensor>): HostTensor {
  const tensor = rest.get(name);
  if (tensor === undefined) {
    throw lying(
      `the state has the tensor ${excerpt(name)}, which the file lacks or which is used twice`,
    );
  }
  rest.delete(name);
  return tensor;
}

function readNumber(name: Json): number {
  const value = NUMBERS.get(name);
  if (value === undefined) throw lying(`the state has the unknown number ${excerpt(name)}`);
  return value;
}

function readKey(key: string): string {
  if (!key.startsWith('$')) return key;
  if (!key.startsWith('$$'))
    throw lying(`the state has the key ${excerpt(key)}, which is reserved`);
  return key.slice(1);
}

function isRecord(node: Json): node is { readonly [key: string]: Json } {
  return typeof node === 'object' && node !== null && !isList(node);
}

function lying(what: string, options?: { readonly cause: unknown }): PolyakError {
  const message = `fromSafetensors: the metadata "${KEY}" does not fit the file: ${what}.`;
  return new PolyakError('ERR_SAFETENSORS', message, options);
}
