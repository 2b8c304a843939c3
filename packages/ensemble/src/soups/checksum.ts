// What tells whether two lists of tensors are the same without keeping one of them.
import type { HostTensor } from '@polyak/core/interfaces';

/**
 * A number in [0, 2^32) that depends on every byte of `tensors`, but not on their order: FNV-1a.
 *
 * @see Fowler, Noll and Vo, http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function checksumOf(tensors: ReadonlyMap<string, HostTensor>): number {
  let hash = 0x811c9dc5;
  const names = [...tensors.keys()];
  names.sort();
  for (const name of names) {
    const { data } = tensors.get(name) as HostTensor;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let i = 0; i < bytes.length; i += 1) {
      hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    }
  }
  return hash >>> 0;
}
