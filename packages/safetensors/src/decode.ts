// Reads safetensors files: 8 bytes of header length, a JSON header, the tensors' bytes.
import { dtypeOf, EXPECTED_DTYPES } from './header/dtypes.js';
import { LENGTH_SIZE, malformed } from './header/limits.js';
import { parseHeader } from './header/parse.js';
import { dataBeginOf, headerText } from './header/preamble.js';
import { excerpt } from './json.js';
import { refuseBigEndian } from './little-endian.js';
import { requireOptions } from './options.js';
import { requireBytes } from './stream/byte-source.js';
import type { HostTensor } from './tensor.js';
import { arrayOf, bytesOf, elementCount } from './tensor.js';

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** The tensors by name. */
  readonly tensors: Record<string, HostTensor>;
  /** The file's own strings. */
  readonly metadata: Record<string, string>;
}

/** Options of {@link decodeSafetensors}. */
export interface DecodeOptions {
  /**
   * `false`: the tensors are views of `bytes` where their offset allows it, as in files that
   * {@link encodeSafetensors} wrote. `bytes` may not change while they are in use, and is kept in
   * memory by each of them. Default `true`: the tensors are copies.
   */
  readonly copy?: boolean;
}

/**
 * Reads the bytes of a safetensors file. The whole file is checked before a tensor is allocated.
 * The tensors together take as many bytes as the file has data, whatever its header says, and a
 * header that is wrong is refused before the rest of it is built.
 *
 * Stricter than the reference implementation. It also refuses duplicate names, unknown fields,
 * dtypes that {@link HostTensor} cannot hold (`F8_E4M3` and the like), bools other than 0 and 1,
 * more than 64 axes, and more than 65,536 metadata strings.
 *
 * @param bytes - the file, also as a view into a larger buffer; not kept, except by views
 * @param options - see {@link DecodeOptions}
 * @returns tensors and metadata
 * @throws TypeError where `bytes` is not a `Uint8Array`, or an option is not known
 * @throws {@link PolyakError} `ERR_SAFETENSORS` where the bytes are not a well-formed file,
 * `ERR_UNSUPPORTED` on a big-endian machine
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
 *
 * const weight = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } as const;
 * const bytes = encodeSafetensors({ weight });
 * console.log(decodeSafetensors(bytes).tensors['weight']?.data); // Float32Array(2) [1, 2]
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
export function decodeSafetensors(bytes: Uint8Array, options: DecodeOptions = {}): SafetensorsFile {
  const { copy = true } = requireOptions('decodeSafetensors', options, ['copy']);
  refuseBigEndian('decodeSafetensors');
  requireBytes('decodeSafetensors', bytes);
  const size = bytes.byteLength;
  const dataBegin = dataBeginOf(bytes, size);
  const { metadata, entries } = parseHeader(headerText(bytes.subarray(LENGTH_SIZE, dataBegin)), {
    dataBegin,
    size,
    dtypeOf,
    expected: EXPECTED_DTYPES,
  });
  for (const { name, dtype, begin, end } of entries) {
    if (dtype === 'bool') checkBools(name, bytes.subarray(begin, end));
  }
  const tensors = entries.map(({ name, dtype, shape, begin, end }): [string, HostTensor] => {
    const Elements = arrayOf(dtype);
    const count = elementCount(shape);
    const at = bytes.byteOffset + begin;
    if (!copy && at % Elements.BYTES_PER_ELEMENT === 0) {
      return [name, { dtype, shape, data: new Elements(bytes.buffer as ArrayBuffer, at, count) }];
    }
    const elements = new Elements(count);
    bytesOf(elements).set(bytes.subarray(begin, end));
    return [name, { dtype, shape, data: elements }];
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** Refuses bools other than 0 and 1. */
export function checkBools(name: string, bytes: Uint8Array): void {
  const stray = bytes.find((element) => element > 1);
  if (stray !== undefined)
    throw malformed(`tensor ${excerpt(name)} holds the bool ${stray}, expected 0 or 1.`);
}
