// Where each tensor of a new file lies, and its header.
import { excerpt } from '../json.js';
import { requireOptions } from '../options.js';
import type { StoredDType, StoredTensor } from '../stream/stored-tensor.js';
import { elementCount } from '../tensor.js';
import { codeOf, elementBytes, rankOf } from './dtypes.js';
import { isCount, isShape, isWellFormed } from './limits.js';
import { LENGTH_SIZE, MAX_HEADER_LENGTH, MAX_RANK, MAX_STRINGS, METADATA } from './limits.js';

declare const TextEncoder: new () => { encode(text: string): Uint8Array };

const SPACE = 0x20;

/** A tensor to be written, without its elements. */
export interface StoredSpec {
  /** The type of the elements. */
  readonly dtype: StoredDType;
  /** The extents, outermost first. */
  readonly shape: readonly number[];
  /** The length of all elements; only where `dtype` is a name of the file format. */
  readonly byteLength?: number;
}

/** What {@link layoutOf} returns. */
export interface SafetensorsLayout {
  /** The first bytes of the file: the length of the header and the header. */
  readonly header: Uint8Array;
  /** The tensors in the order in which their elements follow, with their offsets in the file. */
  readonly tensors: readonly StoredTensor[];
}

/** Options of {@link layoutOf}. */
export interface LayoutOptions {
  /**
   * The order of the elements: that of the format's reference implementation, or the order of the
   * specs if every element is aligned then. Default `canonical`.
   */
  readonly order?: 'canonical' | 'given';
}

/**
 * Lays out a file that is written in parts: the header, then the elements of each tensor, without
 * gaps. Offsets are multiples of the size of an element where the file has no dtypes that this
 * package does not name. Equal tensors and metadata make equal headers, and the same ones as
 * `encodeSafetensors`.
 *
 * @param specs - by name, any well-formed Unicode but `__metadata__`, in any order
 * @param metadata - strings to keep beside the tensors; not written where there are none
 * @param options - see {@link LayoutOptions}
 * @returns the header and the offsets
 * @throws TypeError where a dtype or a metadata value is of the wrong type, or an option is unknown
 * @throws RangeError where a name, shape or length is out of range; for more than 64 axes, 65,536
 * metadata strings or 100 MB of header
 * @example
 * ```ts
 * import { layoutOf } from '@polyak/safetensors';
 *
 * const specs = new Map([['w', { dtype: 'float8_e5m2', shape: [3] }]]);
 * const { header, tensors } = layoutOf(specs, { format: 'pt' });
 * console.log(header.byteLength, tensors[0]?.begin, tensors[0]?.end); // 104 104 107
 * ```
 * @see https://github.com/huggingface/safetensors#format
 */
export function layoutOf(
  specs: ReadonlyMap<string, StoredSpec>,
  metadata: Readonly<Record<string, string>> = {},
  options: LayoutOptions = {},
): SafetensorsLayout {
  const { order = 'canonical' } = requireOptions('layoutOf', options, ['order']);
  return laidOut('layoutOf', specs, metadata, order);
}

/** {@link layoutOf} for `call`, which messages name. */
export function laidOut(
  call: string,
  specs: ReadonlyMap<string, StoredSpec>,
  metadata: Readonly<Record<string, string>>,
  order: 'canonical' | 'given',
): SafetensorsLayout {
  const strings = Object.entries(metadata);
  for (const [key, value] of strings) checkMetadata(call, key, value);
  if (strings.length > MAX_STRINGS) {
    throw new RangeError(
      `${call}: the metadata have ${strings.length} strings, expected at most ${MAX_STRINGS}. ` +
        'Join them into one, as JSON.',
    );
  }
  const entries = [...specs].map(([name, spec]) => measured(call, name, spec));
  if (order === 'canonical' || !areAligned(entries)) entries.sort(compareEntries);
  const text = new TextEncoder().encode(headerOf(entries, strings));
  const length = Math.ceil(text.byteLength / 8) * 8;
  if (length > MAX_HEADER_LENGTH) {
    throw new RangeError(
      `${call}: the header takes ${text.byteLength} bytes, the format allows ` +
        `${MAX_HEADER_LENGTH}. Keep long lists of numbers as tensors.`,
    );
  }
  const header = new Uint8Array(LENGTH_SIZE + length).fill(SPACE, LENGTH_SIZE);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, LENGTH_SIZE);
  let filled = header.byteLength;
  const tensors = entries.map(({ name, dtype, shape, byteLength }) => {
    const begin = filled;
    filled += byteLength;
    return { name, dtype, shape, begin, end: filled };
  });
  return { header, tensors };
}

/** Whether each tensor begins at a multiple of its element's size. The header has 8 * n bytes. */
function areAligned(entries: readonly Entry[]): boolean {
  let filled = 0;
  return entries.every(({ dtype, byteLength }) => {
    const isAligned = filled % (elementBytes(dtype) ?? 1) === 0;
    filled += byteLength;
    return isAligned;
  });
}

interface Entry extends StoredSpec {
  readonly name: string;
  readonly code: string;
  readonly rank: number;
  readonly order: string;
  readonly byteLength: number;
}

/** The JSON: the metadata sorted by key, then the tensors in the order given. */
function headerOf(
  entries: readonly Entry[],
  strings: readonly (readonly [key: string, value: string])[],
): string {
  const sorted = [...strings];
  sorted.sort(([a], [b]) => compare(codePoints(a), codePoints(b)));
  const pairs = sorted.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  let filled = 0;
  // Joined by hand: an object would put names like '10' before all others.
  const members = entries.map(({ name, code, shape, byteLength }) => {
    const begin = filled;
    filled += byteLength;
    const info = `{"dtype":"${code}","shape":[${shape.join(',')}],`;
    return `${JSON.stringify(name)}:${info}"data_offsets":[${begin},${filled}]}`;
  });
  if (pairs.length > 0) members.unshift(`"${METADATA}":{${pairs.join(',')}}`);
  return `{${members.join(',')}}`;
}

function checkMetadata(call: string, key: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new TypeError(
      `${call}: metadata ${excerpt(key)} is ${excerpt(value)}, expected a string.`,
    );
  if (!isWellFormed(key) || !isWellFormed(value))
    throw new RangeError(`${call}: metadata ${excerpt(key)} is not well-formed Unicode.`);
}

function measured(call: string, name: string, spec: StoredSpec): Entry {
  const code = checkedCode(call, name, spec);
  const { dtype, shape } = spec;
  return {
    name,
    dtype,
    shape,
    byteLength: byteLengthOf(call, name, spec),
    code,
    rank: rankOf(code),
    order: codePoints(name),
  };
}

/** The length of all elements of a tensor, which is checked. */
export function byteLengthOf(call: string, name: string, spec: StoredSpec): number {
  const { dtype, shape, byteLength } = spec;
  const bytes = elementBytes(dtype);
  const size = bytes === undefined ? byteLength : elementCount(shape) * bytes;
  if (!isCount(size) || (byteLength !== undefined && byteLength !== size)) {
    const what = `${call}: tensor ${excerpt(name)}`;
    const expected = bytes === undefined ? 'an integer from 0 on' : String(size);
    throw new RangeError(`${what} has byteLength ${excerpt(byteLength)}, expected ${expected}.`);
  }
  return size;
}

function checkedCode(call: string, name: string, { dtype, shape }: StoredSpec): string {
  const what = (): string => `${call}: tensor ${excerpt(name)}`;
  if (name === METADATA || !isWellFormed(name)) {
    throw new RangeError(
      `${what()}: the name must be well-formed Unicode and not ${METADATA}. Rename it.`,
    );
  }
  const code = typeof dtype === 'string' ? codeOf(dtype) : undefined;
  if (code === undefined)
    throw new TypeError(`${what()} has dtype ${excerpt(dtype)}, which safetensors does not name.`);
  if (!Array.isArray(shape))
    throw new TypeError(`${what()} has shape ${excerpt(shape)}, expected a list.`);
  if (!isShape(shape)) {
    throw new RangeError(
      `${what()} has shape ${excerpt(shape)}, expected at most ${MAX_RANK} integers from 0 on ` +
        'with a product below 2^53.',
    );
  }
  return code;
}

/**
 * Orders tensors as the reference implementation does: by dtype, wide elements first, then by the
 * UTF-8 of the name.
 */
function compareEntries(a: Entry, b: Entry): number {
  return a.rank - b.rank || compare(a.code, b.code) || compare(a.order, b.order);
}

// UTF-8 orders as code points do; UTF-16, and so `<`, puts U+10000 and above before U+E000. In the
// text that this returns their order is that of the code points.
function codePoints(text: string): string {
  return text.replace(/[\ud800-\uffff]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return String.fromCharCode(code < 0xe000 ? code + 0x2000 : code - 0x800);
  });
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
