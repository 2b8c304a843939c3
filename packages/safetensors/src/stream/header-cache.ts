// Headers that several files have in common, as checkpoints of one run do.
import type { StoredTensor } from './stored-tensor.js';

/** What a header says. */
export interface StoredHeader {
  /** The file's own strings. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The tensors by name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

interface Known {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly header: StoredHeader;
}

/**
 * Lets files with equal headers share what was read of the first: `tensors` is the same map then.
 * Keeps the bytes of each header that differs from all before it.
 *
 * @example
 * ```ts
 * import { bytesSource, encodeSafetensors } from '@polyak/safetensors';
 * import { HeaderCache, openSafetensors } from '@polyak/safetensors';
 *
 * const bytes = encodeSafetensors({});
 * const headers = new HeaderCache();
 * const a = await openSafetensors(bytesSource(bytes), { headers });
 * const b = await openSafetensors(bytesSource(bytes), { headers });
 * console.log(a.tensors === b.tensors); // true
 * ```
 */
export class HeaderCache {
  readonly #known = new Map<string, Known[]>();

  /**
   * The header that `bytes` hold.
   *
   * @param bytes - the header; kept
   * @param size - the length of its file
   * @param parse - reads a header that is not known
   * @internal
   */
  of(bytes: Uint8Array, size: number, parse: () => StoredHeader): StoredHeader {
    const key = `${bytes.byteLength} ${size}`;
    const alike = this.#known.get(key) ?? [];
    const found = alike.find((known) => equal(known.bytes, bytes));
    if (found !== undefined) return found.header;
    const header = parse();
    this.#known.set(key, [...alike, { bytes, size, header }]);
    return header;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  const { byteLength } = a;
  if (b.byteLength !== byteLength) return false;
  for (let at = 0; at < byteLength; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
