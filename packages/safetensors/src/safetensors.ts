// The safetensors file format: 8 bytes of header length, a JSON header, the tensors' bytes.
import { PolyakError } from './error.js';
import { excerpt } from './json.js';
import {
  MAX_RANK,
  MAX_STRINGS,
  METADATA,
  compareEntries,
  formatHeader,
  isDType,
  isShape,
  isWellFormed,
  malformed,
  parseHeader,
} from './header.js';
import type { HostTensor } from './tensor.js';
import { arrayOf, canonical, elementCount, formatSpec } from './tensor.js';

declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: 'utf-8',
  options: { readonly fatal: true },
) => { decode(bytes: Uint8Array): string };

// The reference implementation's limit.
const MAX_HEADER_LENGTH = 100_000_000;
const LENGTH_SIZE = 8;
const OPENING_BRACE = 0x7b;
const SPACE = 0x20;

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** The tensors by name. */
  readonly tensors: Record<string, HostTensor>;
  /** The file's own strings. */
  readonly metadata: Record<string, string>;
}

/**
 * Writes tensors as the bytes of a safetensors file, which Python, Rust and others read. Equal
 * tensors and metadata make equal bytes, whatever the order of the records, and the same ones as
 * the reference implementation.
 *
 * @param tensors - the tensors by name, any well-formed Unicode but `__metadata__`
 * @param metadata - strings to keep beside them; not written where there are none
 * @returns a new array, 16 bytes at least
 * @throws TypeError where a tensor, its dtype, shape or data, or a metadata value is of the wrong
 * type
 * @throws RangeError where the data and the shape disagree, an extent is not an integer from 0 on,
 * a bool is neither 0 nor 1, or a name is `__metadata__` or not well-formed Unicode; for more than
 * 64 axes, 65,536 metadata strings or 100 MB of header
 * @throws {@link PolyakError} `ERR_UNSUPPORTED` on a big-endian machine
 * @example
 * ```ts
 * import { encodeSafetensors } from '@polyak/safetensors';
 *
 * const weight = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } as const;
 * const bytes = encodeSafetensors({ weight });
 * console.log(bytes.byteLength); // 80
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  refuseBigEndian('encodeSafetensors');
  const strings = Object.entries(metadata);
  strings.forEach(checkMetadata);
  if (strings.length > MAX_STRINGS) {
    throw new RangeError(
      `encodeSafetensors: the metadata have ${strings.length} strings, expected at most ` +
        `${MAX_STRINGS}. Join them into one, as JSON.`,
    );
  }
  const named = Object.entries(tensors).map(([name, tensor]) => checkTensor(name, tensor));
  named.sort(compareEntries);
  let filled = 0;
  const entries = named.map((tensor) => {
    const begin = filled;
    filled += tensor.data.byteLength;
    return { ...tensor, begin, end: filled };
  });
  const header = new TextEncoder().encode(formatHeader(entries, metadata));
  const dataBegin = LENGTH_SIZE + Math.ceil(header.length / 8) * 8;
  if (dataBegin - LENGTH_SIZE > MAX_HEADER_LENGTH) {
    throw new RangeError(
      `encodeSafetensors: the header takes ${header.length} bytes, the format allows ` +
        `${MAX_HEADER_LENGTH}. Keep long lists of numbers as tensors.`,
    );
  }
  const bytes = new Uint8Array(dataBegin + filled).fill(SPACE, LENGTH_SIZE, dataBegin);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataBegin - LENGTH_SIZE), true);
  bytes.set(header, LENGTH_SIZE);
  for (const { data, begin } of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataBegin + begin);
  }
  return bytes;
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
 * @param bytes - the file, also as a view into a larger buffer; not kept
 * @returns tensors and metadata, copied out of `bytes`
 * @throws TypeError where `bytes` is not a `Uint8Array`
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
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  refuseBigEndian('decodeSafetensors');
  if (!ArrayBuffer.isView(bytes) || bytes[Symbol.toStringTag] !== 'Uint8Array') {
    throw new TypeError(
      'decodeSafetensors: expected a Uint8Array. Wrap an ArrayBuffer: new Uint8Array(buffer).',
    );
  }
  const { dataBegin, text } = readText(bytes);
  const { metadata, entries } = parseHeader(text, bytes.length - dataBegin);
  const data = bytes.subarray(dataBegin);
  for (const { name, dtype, begin, end } of entries) {
    const stray =
      dtype === 'bool' ? data.subarray(begin, end).find((element) => element > 1) : undefined;
    if (stray !== undefined) {
      throw malformed(`tensor ${excerpt(name)} holds the bool ${stray}, expected 0 or 1.`);
    }
  }
  const tensors = entries.map(({ name, dtype, shape, begin, end }): [string, HostTensor] => {
    const elements = new (arrayOf(dtype))(elementCount(shape));
    new Uint8Array(elements.buffer).set(data.subarray(begin, end));
    return [name, { dtype, shape, data: elements }];
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

function readText(bytes: Uint8Array): { dataBegin: number; text: string } {
  if (bytes.length < LENGTH_SIZE) {
    throw malformed(`the file has ${bytes.length} bytes, too few for the length of a header.`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_SIZE).getBigUint64(0, true);
  if (length > MAX_HEADER_LENGTH) {
    throw malformed(
      `the header says it takes ${length} bytes, the format allows ${MAX_HEADER_LENGTH}.`,
    );
  }
  const dataBegin = LENGTH_SIZE + Number(length);
  if (dataBegin > bytes.length) {
    throw malformed(
      `the header says it takes ${length} bytes, but ${bytes.length - LENGTH_SIZE} follow. ` +
        'Truncated?',
    );
  }
  if (bytes[LENGTH_SIZE] !== OPENING_BRACE) {
    throw malformed('the header does not begin with "{". Is this a safetensors file?');
  }
  const view = bytes.subarray(LENGTH_SIZE, dataBegin);
  // Browsers decode neither shared nor resizable memory, which is copied.
  const { buffer } = bytes;
  const isShared = buffer[Symbol.toStringTag] !== 'ArrayBuffer';
  const isResizable = 'resizable' in buffer && buffer.resizable === true;
  const header = isShared || isResizable ? new Uint8Array(view) : view;
  try {
    return { dataBegin, text: new TextDecoder('utf-8', { fatal: true }).decode(header) };
  } catch (cause) {
    throw malformed('the header is not UTF-8.', cause);
  }
}

function checkMetadata([key, value]: [string, unknown]): void {
  if (typeof value !== 'string') {
    throw new TypeError(
      `encodeSafetensors: metadata ${excerpt(key)} is ${excerpt(value)}, expected a string.`,
    );
  }
  if (!isWellFormed(key) || !isWellFormed(value)) {
    throw new RangeError(`encodeSafetensors: metadata ${excerpt(key)} is not well-formed Unicode.`);
  }
}

function checkTensor(name: string, tensor: HostTensor): HostTensor & { readonly name: string } {
  const what = `encodeSafetensors: tensor ${excerpt(name)}`;
  if (name === METADATA || !isWellFormed(name)) {
    throw new RangeError(
      `${what}: the name must be well-formed Unicode and not ${METADATA}. Rename it.`,
    );
  }
  if (typeof tensor !== 'object' || tensor === null) {
    throw new TypeError(`${what} is ${excerpt(tensor)}, expected { dtype, shape, data }.`);
  }
  const { dtype, shape, data } = canonical(tensor);
  if (!isDType(dtype))
    throw new TypeError(`${what} has dtype ${excerpt(dtype)}, which safetensors does not name.`);
  const constructor = arrayOf(dtype).name;
  if (!ArrayBuffer.isView(data) || data[Symbol.toStringTag] !== constructor) {
    throw new TypeError(`${what}: the data of ${dtype} are not in a ${constructor}.`);
  }
  if (!Array.isArray(shape))
    throw new TypeError(`${what} has shape ${excerpt(shape)}, expected a list.`);
  if (!isShape(shape)) {
    throw new RangeError(
      `${what} has shape ${excerpt(shape)}, expected at most ${MAX_RANK} integers from 0 on ` +
        'with a product below 2^53.',
    );
  }
  if (data.length !== elementCount(shape)) {
    const expected = `${elementCount(shape)} for ${formatSpec(tensor)}`;
    throw new RangeError(`${what} holds ${data.length} elements, expected ${expected}.`);
  }
  if (
    dtype === 'bool' &&
    new Uint8Array(data.buffer, data.byteOffset, data.length).some((element) => element > 1)
  ) {
    throw new RangeError(`${what} holds bools that are neither 0 nor 1.`);
  }
  return { name, dtype, shape, data };
}

// Elements are copied as they lie in memory, and the format is little-endian.
function refuseBigEndian(caller: string): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${caller}: this machine is big-endian, only little-endian ones are supported.`,
    );
  }
}
