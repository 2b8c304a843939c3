// A saved state as an outline: what its metadata says. No tensor is read, so that a state of any
// size is shown at once.
import { PolyakError } from '@polyak/core';
import type { Json } from '@polyak/safetensors/json';
import { excerpt, hasMoreValues, parseJson } from '@polyak/safetensors/json';
import { bytesText, countText, numberText, shapeText } from '../text.js';

/** What a file says of its tensors, by name. */
export type TensorFacts = ReadonlyMap<
  string,
  {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly begin: number;
    readonly end: number;
  }
>;

/** The entry of the metadata that `toSafetensors` writes. */
const KEY = 'polyak';
// The limits of core's toSafetensors.
const MAX_DEPTH = 258;
const MAX_VALUES = 250_000;
const MAX_VALUES_PER_TENSOR = 4;
// Longer lists are cut: those of parameter names have as many members as the model has tensors.
const LONGEST_LIST = 8;

/**
 * The state in the metadata of a file, with a tensor as `{ $tensor: name }`.
 *
 * @param name - the file, for messages
 * @param metadata - its strings
 * @param tensorCount - the number of its tensors
 * @throws PolyakError `ERR_STATE` where the file holds no state
 */
export function stateIn(
  name: string,
  metadata: Readonly<Record<string, string>>,
  tensorCount: number,
): Json {
  const text = Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined;
  if (text === undefined) {
    throw new PolyakError(
      'ERR_STATE',
      `${name} holds no state of averages, only tensors: use polyak inspect.`,
    );
  }
  if (hasMoreValues(text, MAX_VALUES + MAX_VALUES_PER_TENSOR * tensorCount)) {
    throw new PolyakError('ERR_STATE', `the state in ${name} has too many values.`);
  }
  let envelope: Json;
  try {
    envelope = parseJson(text, (_bracket, depth) => depth < MAX_DEPTH);
  } catch (cause) {
    throw new PolyakError('ERR_STATE', `the state in ${name} is not JSON.`, { cause });
  }
  const { version, state } = isRecord(envelope) ? envelope : {};
  if (version === 1 && state !== undefined) return state;
  throw new PolyakError(
    'ERR_STATE',
    `the state in ${name} has version ${excerpt(version)}, expected 1.`,
  );
}

/**
 * A state as indented lines. Records that hold only tensors are counted.
 *
 * @param state - as {@link stateIn} returns it
 * @param tensors - those of the file
 */
export function stateText(state: Json, tensors: TensorFacts): string {
  const line = lineOf(state, tensors);
  return line ?? linesOf(state, tensors, '').join('\n');
}

function linesOf(node: Json, tensors: TensorFacts, indent: string): readonly string[] {
  return membersOf(node).flatMap(([key, value]) => {
    const line = lineOf(value, tensors);
    if (line !== undefined) return [`${indent}${key}: ${line}`];
    return [`${indent}${key}:`, ...linesOf(value, tensors, `${indent}  `)];
  });
}

/** A value that fits on one line. */
function lineOf(value: Json, tensors: TensorFacts): string | undefined {
  if (typeof value === 'number') return numberText(value);
  if (value === null || typeof value !== 'object') return String(value);
  const members = membersOf(value);
  if (members.length === 0) return 'none';
  const found = tensorIn(value, tensors);
  if (found !== undefined) return `${found.dtype} ${shapeText(found.shape)}`;
  if (isRecord(value)) {
    if (members.length === 1 && typeof value['$number'] === 'string') return value['$number'];
    const held = members.map(([, member]) => tensorIn(member, tensors));
    if (held.includes(undefined)) return undefined;
    const bytes = held.reduce((sum, tensor) => sum + (tensor ? tensor.end - tensor.begin : 0), 0);
    return `${countText(held.length, 'tensor')}, ${bytesText(bytes)}`;
  }
  const items = members
    .slice(0, LONGEST_LIST)
    .map(([, item]) => (isRecord(item) ? undefined : lineOf(item, tensors)));
  if (items.includes(undefined)) return undefined;
  const more = members.length - items.length;
  return `[${items.join(', ')}${more > 0 ? ` and ${more} more` : ''}]`;
}

function tensorIn(value: Json, tensors: TensorFacts): ReturnType<TensorFacts['get']> {
  const name = isRecord(value) ? value['$tensor'] : undefined;
  return typeof name === 'string' ? tensors.get(name) : undefined;
}

/** The members of a record or a list; keys that begin with `$` were written with another `$`. */
function membersOf(node: Json): readonly (readonly [string, Json])[] {
  if (node === null || typeof node !== 'object') return [];
  return Object.entries(node).map(([key, value]) => [key.replace(/^\$\$/u, '$'), value]);
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
