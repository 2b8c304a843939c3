// Several files as one: the shards of a group of weights, of which a tensor may span two.
import type { ByteSource } from '@polyak/safetensors';

/**
 * One source after the other.
 *
 * @param sources - in order
 */
export function concatenated(sources: readonly ByteSource[]): ByteSource {
  const ends: number[] = [];
  let size = 0;
  for (const source of sources) ends.push((size += source.size));
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    if (offset < 0 || offset + target.byteLength > size) {
      throw new RangeError(`read: there are ${size} bytes, not ${target.byteLength} at ${offset}.`);
    }
    let filled = 0;
    for (let index = firstAfter(ends, offset); filled < target.byteLength; index += 1) {
      const source = sources[index] as ByteSource;
      const begin = offset + filled - ((ends[index] as number) - source.size);
      const length = Math.min(source.size - begin, target.byteLength - filled);
      if (length === 0) continue;
      const part = target.subarray(filled, filled + length);
      if (source.readInto === undefined) part.set(await source.read(begin, length));
      else await source.readInto(begin, part);
      filled += length;
    }
  };
  return {
    size,
    readInto,
    async read(offset, length) {
      const [only] = sources;
      if (only !== undefined && sources.length === 1) return await only.read(offset, length);
      const bytes = new Uint8Array(length);
      await readInto(offset, bytes);
      return bytes;
    },
  };
}

/** The index of the first number beyond `value`, in ascending ones. */
function firstAfter(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((ascending[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
