// The header of a safetensors file: JSON that gives each tensor's dtype, shape and place in the
// data.
import { PolyakError } from './error.js';
import { cut, excerpt, hasMoreValues, hasOnlyIntegers, membersOf, parseJson } from './json.js';
import type { DType, TensorSpec } from './tensor.js';
import { arrayOf, elementCount, formatSpec } from './tensor.js';

/** The reserved name of the metadata, which are strings. */
export const METADATA = '__metadata__';

/** The length of a header, the first bytes of a file. */
export const LENGTH_SIZE = 8;
/** The longest header that the reference implementation reads, in bytes. */
export const MAX_HEADER_LENGTH = 100_000_000;
/** The most axes of a tensor, as in NumPy and PyTorch. */
export const MAX_RANK = 64;
/** The most strings in the metadata. */
export const MAX_STRINGS = 65_536;
// A tensor's record has its extents, two lists and a few values more.
const MAX_VALUES = MAX_RANK + 10;

/** One tensor of a file: its spec, and where its bytes are, counted from the end of the header. */
export interface TensorEntry extends TensorSpec {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** The contents of a header. */
export interface SafetensorsHeader {
  readonly metadata: Record<string, string>;
  readonly entries: readonly TensorEntry[];
}

// In the order of the reference implementation, so that equal tensors make equal files.
const CODES: Readonly<Record<DType, string>> = {
  uint64: 'U64',
  int64: 'I64',
  float64: 'F64',
  float32: 'F32',
  uint32: 'U32',
  int32: 'I32',
  bfloat16: 'BF16',
  float16: 'F16',
  uint16: 'U16',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const DTYPES: readonly DType[] = Object.keys(CODES).filter(isDType);
const FIELDS: readonly string[] = ['dtype', 'shape', 'data_offsets'];

/** The error for a malformed file. */
export function malformed(what: string, cause?: unknown): PolyakError {
  return new PolyakError(
    'ERR_SAFETENSORS',
    `decodeSafetensors: ${what}`,
    cause === undefined ? {} : { cause },
  );
}

/** Whether `dtype` is one of {@link DType}. */
export function isDType(dtype: unknown): dtype is DType {
  return typeof dtype === 'string' && Object.hasOwn(CODES, dtype);
}

/** Whether a list holds extents: at most 64 integers from 0 on, whose product is exact. */
export function isShape(shape: unknown): shape is readonly number[] {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return false;
  const extents: readonly unknown[] = shape;
  let count = 1;
  for (const extent of extents) {
    if (!isCount(extent)) return false;
    count *= extent;
    if (!isCount(count)) return false;
  }
  return true;
}

/** Whether text can be written as UTF-8: it has no unpaired surrogates. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/**
 * Orders tensors as the reference implementation does: by dtype, wide elements first, then by the
 * UTF-8 of the name.
 */
export function compareEntries(
  a: { name: string; dtype: DType },
  b: { name: string; dtype: DType },
): number {
  return DTYPES.indexOf(a.dtype) - DTYPES.indexOf(b.dtype) || compareCodePoints(a.name, b.name);
}

/** Writes a header: the metadata sorted by key, then the tensors in the order given. */
export function formatHeader(
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>>,
): string {
  const keys = Object.keys(metadata);
  keys.sort(compareCodePoints);
  const strings = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
  // Joined by hand: an object would put names like '10' before all others.
  const members = entries.map(({ name, dtype, shape, begin, end }) => {
    const info = JSON.stringify({ dtype: CODES[dtype], shape, data_offsets: [begin, end] });
    return `${JSON.stringify(name)}:${info}`;
  });
  if (keys.length > 0) members.unshift(`"${METADATA}":{${strings.join(',')}}`);
  return `{${members.join(',')}}`;
}

/**
 * Reads a header, and checks each tensor before the next is built. The tensors must fill
 * `dataLength` bytes exactly, without gaps or overlaps.
 */
export function parseHeader(text: string, dataLength: number): SafetensorsHeader {
  const entries: TensorEntry[] = [];
  let metadata: Record<string, string> = {};
  try {
    for (const [name, json] of membersOf(text)) {
      if (name === METADATA) metadata = readMetadata(json);
      else entries.push(readEntry(name, json));
    }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw malformed(`the header is not that of a safetensors file: ${cause.message}.`, cause);
  }
  checkLayout(entries, dataLength);
  return { metadata, entries };
}

function readMetadata(json: string): Record<string, string> {
  if (!json.startsWith('{'))
    throw malformed(`${METADATA} is ${cut(json)}, expected a record of strings.`);
  const strings: [string, string][] = [];
  for (const [key, value] of membersOf(json)) {
    const text: unknown = value.startsWith('"') ? JSON.parse(value) : undefined;
    if (typeof text !== 'string' || !isWellFormed(text) || !isWellFormed(key)) {
      throw malformed(
        `${METADATA}: ${excerpt(key)} is ${cut(value)}, expected a string of well-formed Unicode.`,
      );
    }
    strings.push([key, text]);
    if (strings.length > MAX_STRINGS)
      throw malformed(`${METADATA} has too many strings, expected at most ${MAX_STRINGS}.`);
  }
  return Object.fromEntries(strings);
}

function readEntry(name: string, json: string): TensorEntry {
  const tensor = `tensor ${excerpt(name)}`;
  if (!isWellFormed(name)) throw malformed(`${tensor}: the name is not well-formed Unicode.`);
  const info = hasMoreValues(json, MAX_VALUES)
    ? undefined
    : parseJson(json, (bracket, depth) => depth === 0 || (depth === 1 && bracket === '['));
  if (!isRecord(info) || Object.keys(info).some((key) => !FIELDS.includes(key))) {
    throw malformed(`${tensor} is ${cut(json)}, expected a record of ${FIELDS.join(', ')}.`);
  }
  const { dtype: code, shape, data_offsets: offsets } = info;
  const dtype = DTYPES.find((candidate) => CODES[candidate] === code);
  if (dtype === undefined) {
    throw malformed(
      `${tensor} has dtype ${excerpt(code)}, expected one of ${Object.values(CODES).join(', ')}.`,
    );
  }
  if (!isShape(shape)) {
    const expected = `at most ${MAX_RANK} integers from 0 on with a product below 2^53`;
    throw malformed(`${tensor} has shape ${excerpt(shape)}, expected ${expected}.`);
  }
  const [begin, end]: readonly unknown[] =
    Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(begin) || !isCount(end)) {
    throw malformed(
      `${tensor} has data_offsets ${excerpt(offsets)}, expected two integers from 0 on.`,
    );
  }
  const size = elementCount(shape) * arrayOf(dtype).BYTES_PER_ELEMENT;
  if (end - begin !== size) {
    const expected = `${size} for ${excerpt(formatSpec({ dtype, shape }))}`;
    throw malformed(
      `${tensor} has data_offsets [${begin},${end}], ${end - begin} bytes, expected ${expected}.`,
    );
  }
  // The reference implementation refuses `1.0`.
  if (!hasOnlyIntegers(json))
    throw malformed(`${tensor} has a number with a point or an exponent, expected integers.`);
  return { name, dtype, shape, begin, end };
}

function checkLayout(entries: readonly TensorEntry[], dataLength: number): void {
  const ordered = [...entries];
  ordered.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  for (const { name, begin, end } of ordered) {
    if (begin !== filled) {
      const what = begin < filled ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw malformed(
        `tensor ${excerpt(name)} ${what}: it begins at ${begin}, expected ${filled}.`,
      );
    }
    if (end > dataLength) {
      throw malformed(
        `tensor ${excerpt(name)} ends at ${end}, but only ${dataLength} bytes of data follow the ` +
          'header.',
      );
    }
    filled = end;
  }
  if (filled !== dataLength) {
    throw malformed(
      `${dataLength} bytes of data follow the header, but its tensors fill ${filled}.`,
    );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return (
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
  );
}

// UTF-8 orders as code points do; UTF-16, and so `<`, puts U+10000 and above before U+E000.
function compareCodePoints(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length; at += 1) {
    const difference = (a.codePointAt(at) ?? 0) - (b.codePointAt(at) ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
