// Reads a safetensors file by name and range. Only its header is in memory.
import { checkBools } from '../decode.js';
import { PolyakError } from '../error.js';
import { isDType, storedDTypeOf } from '../header/dtypes.js';
import { LENGTH_SIZE } from '../header/limits.js';
import { parseHeader } from '../header/parse.js';
import { dataBeginOf, headerText } from '../header/preamble.js';
import { excerpt } from '../json.js';
import { refuseBigEndian } from '../little-endian.js';
import { requireOptions } from '../options.js';
import { arrayOf, bytesOf, elementCount } from '../tensor.js';
import type { HostTensor } from '../tensor.js';
import { fill, take } from './byte-source.js';
import type { ByteSource } from './byte-source.js';
import type { HeaderCache, StoredHeader } from './header-cache.js';
import type { StoredTensor } from './stored-tensor.js';

/** Options of {@link openSafetensors}. */
export interface OpenOptions {
  /** Files that are opened with one cache share {@link SafetensorsReader.tensors} if they can. */
  readonly headers?: HeaderCache;
}

/** A range of elements, in row-major order. */
export interface ElementRange {
  /** The index of the first. */
  readonly begin: number;
  /** The index behind the last. */
  readonly end: number;
}

/** An open safetensors file. */
export interface SafetensorsReader {
  /** The file's own strings. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The tensors by name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /**
   * Reads the elements of a tensor.
   *
   * @param name - one of `tensors`
   * @param range - which elements; the result has one axis. Default: the whole tensor
   * @returns a copy
   * @throws RangeError where there is no such tensor or element
   * @throws {@link PolyakError} `ERR_UNSUPPORTED` where no array holds its dtype;
   * `ERR_SAFETENSORS` for a bool other than 0 and 1
   */
  read(name: string, range?: ElementRange): Promise<HostTensor>;
}

/**
 * Opens a safetensors file of any length. Reads its header, and none of its data.
 *
 * As strict as `decodeSafetensors`, except that it lists tensors of all dtypes that a file can
 * name: their bytes can be copied. Bools are checked when they are read.
 *
 * @param source - the bytes; not closed
 * @param options - see {@link OpenOptions}
 * @returns the tensors, and how to read them
 * @throws {@link PolyakError} `ERR_SAFETENSORS` where the bytes are not a well-formed file,
 * `ERR_UNSUPPORTED` on a big-endian machine
 * @throws TypeError where `source` is none, such as a path or bytes, or an option is not known
 * @example
 * ```ts
 * import { bytesSource, encodeSafetensors, openSafetensors } from '@polyak/safetensors';
 *
 * const weight = { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) } as const;
 * const file = await openSafetensors(bytesSource(encodeSafetensors({ weight })));
 * const { data } = await file.read('weight', { begin: 1, end: 3 });
 * console.log(data); // Float32Array(2) [2, 3]
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
export async function openSafetensors(
  source: ByteSource,
  options: OpenOptions = {},
): Promise<SafetensorsReader> {
  const { headers } = requireOptions('openSafetensors', options, ['headers']);
  refuseBigEndian('openSafetensors');
  if (typeof (source as Partial<ByteSource> | null | undefined)?.read !== 'function') {
    throw new TypeError(
      'openSafetensors: expected a source: bytesSource(bytes), blobSource(file), or ' +
        'openFile(path) of @polyak/safetensors/node.',
    );
  }
  const { size } = source;
  const dataBegin = dataBeginOf(await take(source, 0, Math.min(LENGTH_SIZE, size)), size);
  const bytes = await take(source, LENGTH_SIZE, dataBegin - LENGTH_SIZE);
  const parse = (): StoredHeader => parsed(bytes, size);
  const { metadata, tensors } = headers?.of(bytes, size, parse) ?? parse();
  return { metadata, tensors, read: (name, range) => read(source, tensors.get(name), name, range) };
}

function parsed(bytes: Uint8Array, size: number): StoredHeader {
  const { metadata, entries } = parseHeader(headerText(bytes), {
    dataBegin: LENGTH_SIZE + bytes.byteLength,
    size,
    dtypeOf: storedDTypeOf,
    expected: 'the names that the format has, such as F32',
  });
  return { metadata, tensors: new Map(entries.map((entry) => [entry.name, entry])) };
}

async function read(
  source: ByteSource,
  tensor: StoredTensor | undefined,
  name: string,
  range: ElementRange | undefined,
): Promise<HostTensor> {
  const what = `read: tensor ${excerpt(name)}`;
  if (tensor === undefined) throw new RangeError(`${what} is not in the file.`);
  const { dtype, begin } = tensor;
  if (!isDType(dtype)) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${what} is ${dtype}, which no array holds. Copy its bytes, from ${begin} to ${tensor.end}.`,
    );
  }
  const count = elementCount(tensor.shape);
  const { begin: first, end } = range ?? { begin: 0, end: count };
  if (!(
    Number.isInteger(first) &&
    Number.isInteger(end) &&
    0 <= first &&
    first <= end &&
    end <= count
  )) {
    throw new RangeError(`${what} has ${count} elements, not a range from ${first} to ${end}.`);
  }
  const Elements = arrayOf(dtype);
  const data = new Elements(end - first);
  await fill(source, begin + first * Elements.BYTES_PER_ELEMENT, bytesOf(data));
  if (dtype === 'bool') checkBools(name, bytesOf(data));
  return { dtype, shape: range === undefined ? tensor.shape : [end - first], data };
}
