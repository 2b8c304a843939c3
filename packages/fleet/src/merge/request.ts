// What is merged, as data: every process of a fleet plans the same merge from it.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { LinearMerge, MergeOptions } from '@polyak/checkpoints';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import { methodOf, METHODS } from '@polyak/checkpoints/methods';
import { PolyakError } from '@polyak/core';
import type { Store } from '../store/store.js';
import { requireKey } from '../store/key.js';
import { isOwnKey, mergeKey } from './keys.js';

/** A method as data. */
export type MethodData = LinearMerge | Pick<MergeMethod, 'kind' | 'name' | 'options'>;

/** An object of the output. */
export interface OutputObject {
  readonly key: string;
  readonly byteLength: number;
}

/** What is merged, and how. */
export interface MergeRequest extends Omit<MergeOptions, 'method' | 'base'> {
  /** The keys of the checkpoints, in order. */
  readonly inputs: readonly string[];
  /** The key of the model that the others were trained from. */
  readonly base?: string;
  /** The key of the output. */
  readonly output: string;
  readonly method: MethodData;
  /** How many bytes a part has, about. */
  readonly partBytes: number;
  /** Whether objects with the keys of the output are replaced. */
  readonly replace: boolean;
  /** The objects that are read, as they are. */
  readonly versions: readonly (readonly [key: string, version: string])[];
  /** The objects of the output, the one that readers open last. */
  readonly files: readonly OutputObject[];
  /** Stands for the layout of the output. */
  readonly plan: string;
}

/** A run of a merge, as it stands in the store. */
export interface StoredMerge {
  readonly request: MergeRequest;
  readonly run: string;
}

/** The id of a merge: it stands for all that its bytes depend on, and where they go. */
export function idOf(request: MergeRequest): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex').slice(0, 32);
}

/**
 * A method as data.
 *
 * @throws RangeError where it is not one of this library: its code cannot travel
 */
export function dataOf(method: LinearMerge | MergeMethod): MethodData {
  const { kind, name } = method;
  if (kind === 'linear') return { kind, name, weights: method.weights };
  const { options } = method;
  const isOurs =
    METHODS.includes(name) && isDeepStrictEqual(methodOf(name, options).options, options);
  if (isOurs) return { kind, name, options };
  throw new RangeError(
    `mergeByFleet: the method "${name}" is none of ${METHODS.join(', ')} or a weighted sum. ` +
      'Workers make these by name; merge with others on one machine.',
  );
}

/** A method from what {@link dataOf} made of it. */
export function methodFrom(data: MethodData): LinearMerge | MergeMethod {
  return data.kind === 'linear' ? data : methodOf(data.name, data.options);
}

/**
 * A merge that is in the store; undefined where there is none.
 *
 * @throws PolyakError `ERR_CHECKPOINT` where it is not what its id stands for
 */
export async function storedMerge(store: Store, merge: string): Promise<StoredMerge | undefined> {
  const key = mergeKey(merge);
  const bytes = await store.get(key);
  if (bytes === undefined) return undefined;
  try {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as StoredMerge;
    const { inputs, base, output, files } = stored.request;
    if (idOf(stored.request) !== merge) throw new RangeError('its id stands for another request');
    for (const each of [...inputs, ...(base === undefined ? [] : [base])]) requireKey(each);
    for (const each of [output, ...files.map((file) => file.key)]) requireOutputKey(each);
    return stored;
  } catch (cause) {
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `${store.name}: ${key} is no merge (${(cause as Error).message}). Remove its folder.`,
      { cause },
    );
  }
}

/** Throws unless an object may be written under a key. */
export function requireOutputKey(key: string): void {
  requireKey(key);
  if (!isOwnKey(key)) return;
  throw new RangeError(`${key} is in the folder that fleets keep their own objects in.`);
}

/** The merge as it is stored. */
export function bytesOf(stored: StoredMerge): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(stored));
}
