// Cuts a checkpoint into files of a limited size, and names them.
import type { StoredSpec } from '../header/layout.js';
import { byteLengthOf } from '../header/layout.js';

/**
 * Cuts tensors into files in the way of Hugging Face's libraries: in the order given, a tensor goes
 * to the file before it if it fits there, and one over `maxBytes` gets a file of its own.
 *
 * @param specs - by name
 * @param maxBytes - the most bytes of the tensors of a file, > 0
 * @returns the names of each file, in order; no file without tensors
 * @throws RangeError where `maxBytes` or a spec is out of range
 * @example
 * ```ts
 * import { shardName, splitIntoShards } from '@polyak/safetensors';
 *
 * const spec = { dtype: 'float32', shape: [4] };
 * const shards = splitIntoShards(new Map([['a', spec], ['b', spec], ['c', spec]]), 32);
 * console.log(shards); // [['a', 'b'], ['c']]
 * console.log(shardName('m.safetensors', 0, shards.length)); // m-00001-of-00002.safetensors
 * ```
 */
export function splitIntoShards(
  specs: ReadonlyMap<string, StoredSpec>,
  maxBytes: number,
): readonly (readonly string[])[] {
  if (!(maxBytes > 0))
    throw new RangeError(`splitIntoShards: maxBytes is ${maxBytes}, expected more than 0.`);
  const shards: string[][] = [];
  let open: string[] | undefined;
  let filled = 0;
  for (const [name, spec] of specs) {
    const size = byteLengthOf('splitIntoShards', name, spec);
    if (size > maxBytes) {
      shards.push([name]);
    } else if (open !== undefined && filled + size <= maxBytes) {
      open.push(name);
      filled += size;
    } else {
      open = [name];
      filled = size;
      shards.push(open);
    }
  }
  return shards;
}

/**
 * The name of a file of a sharded checkpoint.
 *
 * @param name - of the whole, such as `model.safetensors` or `model.safetensors.index.json`
 * @param index - which file, from 0 on
 * @param count - how many there are
 * @returns a name such as `model-00001-of-00003.safetensors`
 */
export function shardName(name: string, index: number, count: number): string {
  const digits = (value: number): string => String(value).padStart(5, '0');
  return `${stemOf(name)}-${digits(index + 1)}-of-${digits(count)}.safetensors`;
}

/**
 * The name of the index of a sharded checkpoint.
 *
 * @param name - of the whole, as for {@link shardName}
 * @returns a name such as `model.safetensors.index.json`
 */
export function shardIndexName(name: string): string {
  return `${stemOf(name)}.safetensors.index.json`;
}

function stemOf(name: string): string {
  return name.replace(/\.safetensors(\.index\.json)?$/, '');
}
