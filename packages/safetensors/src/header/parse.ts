// Reads the header of a safetensors file: JSON that gives each tensor's dtype, shape and place.
import {
  cut,
  excerpt,
  hasMoreValues,
  hasOnlyIntegers,
  Members,
  parseJson,
  PLAIN,
} from '../json.js';
import type { StoredDType, StoredTensor } from '../stream/stored-tensor.js';
import { elementCount } from '../tensor.js';
import { elementBytes } from './dtypes.js';
import { isCount, isShape, isWellFormed, malformed } from './limits.js';
import { MAX_RANK, MAX_STRINGS, METADATA } from './limits.js';

// A tensor's record has its extents, two lists and a few values more.
const MAX_VALUES = MAX_RANK + 10;
const FIELDS: readonly string[] = ['dtype', 'shape', 'data_offsets'];
const COUNT = String.raw`(?:0|[1-9]\d{0,15})`;
const SHAPE = String.raw`\[((?:${COUNT}(?:, ?${COUNT}){0,${MAX_RANK}})?)\]`;
/**
 * A tensor as the reference implementation writes it, or Python's json module, without an escape in
 * its name. One search takes a quarter of the time of reading the record as any JSON.
 */
const CANONICAL = new RegExp(
  String.raw`"(?!${METADATA}")(${PLAIN})": ?\{"dtype": ?"(\w*)", ?"shape": ?${SHAPE}, ?` +
    String.raw`"data_offsets": ?\[(${COUNT}), ?(${COUNT})\]\}`,
  'y',
);

/** Where the data of a file lie, and which dtypes its reader takes. */
export interface HeaderContext<D extends StoredDType> {
  /** The offset of the first byte behind the header. */
  readonly dataBegin: number;
  /** The length of the file. */
  readonly size: number;
  /** The dtype that the file names `code`; nothing where it is refused. */
  dtypeOf(code: string): D | undefined;
  /** The codes that are taken, for messages. */
  readonly expected: string;
}

/** A tensor of one of the dtypes that the reader takes. */
type Entry<D extends StoredDType> = StoredTensor & { readonly dtype: D };

/** The contents of a header. */
export interface SafetensorsHeader<D extends StoredDType> {
  readonly metadata: Record<string, string>;
  /** In the order of their data, by offsets in the file. */
  readonly entries: readonly Entry<D>[];
}

/**
 * Reads a header, and checks each tensor before the next is built. The tensors must fill the data
 * exactly, without gaps or overlaps.
 */
export function parseHeader<D extends StoredDType>(
  text: string,
  context: HeaderContext<D>,
): SafetensorsHeader<D> {
  const entries: Entry<D>[] = [];
  let metadata: Record<string, string> = {};
  try {
    const members = new Members(text);
    for (;;) {
      const quick = members.match(CANONICAL);
      if (quick !== undefined) {
        entries.push(canonicalEntry(quick, context));
        continue;
      }
      const member = members.next();
      if (member === undefined) break;
      const [name, json] = member;
      if (name === METADATA) metadata = readMetadata(json);
      else entries.push(readEntry(name, json, context));
    }
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw malformed(`the header is not that of a safetensors file: ${cause.message}.`, cause);
  }
  return { metadata, entries: inFileOrder(entries, context) };
}

function readMetadata(json: string): Record<string, string> {
  if (!json.startsWith('{'))
    throw malformed(`${METADATA} is ${cut(json)}, expected a record of strings.`);
  const strings: [string, string][] = [];
  const members = new Members(json);
  for (let member = members.next(); member !== undefined; member = members.next()) {
    const [key, value] = member;
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

function canonicalEntry<D extends StoredDType>(
  found: RegExpExecArray,
  context: HeaderContext<D>,
): Entry<D> {
  const [, name = '', code, extents = '', begin, end] = found;
  const shape = extents === '' ? [] : extents.split(',').map(Number);
  return entryOf(name, { dtype: code, shape, data_offsets: [Number(begin), Number(end)] }, context);
}

function readEntry<D extends StoredDType>(
  name: string,
  json: string,
  context: HeaderContext<D>,
): Entry<D> {
  const tensor = `tensor ${excerpt(name)}`;
  if (!isWellFormed(name)) throw malformed(`${tensor}: the name is not well-formed Unicode.`);
  const info = hasMoreValues(json, MAX_VALUES)
    ? undefined
    : parseJson(json, (bracket, depth) => depth === 0 || (depth === 1 && bracket === '['));
  if (!isRecord(info) || Object.keys(info).some((key) => !FIELDS.includes(key))) {
    throw malformed(`${tensor} is ${cut(json)}, expected a record of ${FIELDS.join(', ')}.`);
  }
  const entry = entryOf(name, info, context);
  // The reference implementation refuses `1.0`.
  if (!hasOnlyIntegers(json))
    throw malformed(`${tensor} has a number with a point or an exponent, expected integers.`);
  return entry;
}

function entryOf<D extends StoredDType>(
  name: string,
  { dtype: code, shape, data_offsets: offsets }: Readonly<Record<string, unknown>>,
  { dataBegin, dtypeOf, expected: dtypes }: HeaderContext<D>,
): Entry<D> {
  const tensor = (): string => `tensor ${excerpt(name)}`;
  const dtype = typeof code === 'string' ? dtypeOf(code) : undefined;
  if (dtype === undefined)
    throw malformed(`${tensor()} has dtype ${excerpt(code)}, expected one of ${dtypes}.`);
  if (!isShape(shape)) {
    const expected = `at most ${MAX_RANK} integers from 0 on with a product below 2^53`;
    throw malformed(`${tensor()} has shape ${excerpt(shape)}, expected ${expected}.`);
  }
  const [begin, end]: readonly unknown[] =
    Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(begin) || !isCount(end)) {
    throw malformed(
      `${tensor()} has data_offsets ${excerpt(offsets)}, expected two integers from 0 on.`,
    );
  }
  const bytes = elementBytes(dtype);
  const size = bytes === undefined ? Math.max(0, end - begin) : elementCount(shape) * bytes;
  if (end - begin !== size) {
    const expected = `${size} for ${excerpt(`${dtype}[${shape.join(',')}]`)}`;
    throw malformed(
      `${tensor()} has data_offsets [${begin},${end}], ${end - begin} bytes, expected ${expected}.`,
    );
  }
  return { name, dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

/** The tensors in the order of their data, which they fill. */
function inFileOrder<D extends StoredDType>(
  entries: readonly Entry<D>[],
  { dataBegin, size }: HeaderContext<D>,
): readonly Entry<D>[] {
  const ordered = [...entries];
  ordered.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const dataLength = size - dataBegin;
  let filled = dataBegin;
  for (const { name, begin, end } of ordered) {
    if (begin !== filled) {
      const what = begin < filled ? 'overlaps the tensor before it' : 'leaves a gap before it';
      const [found, expected] = [begin - dataBegin, filled - dataBegin];
      throw malformed(
        `tensor ${excerpt(name)} ${what}: it begins at ${found}, expected ${expected}.`,
      );
    }
    if (end > size) {
      throw malformed(
        `tensor ${excerpt(name)} ends at ${end - dataBegin}, but only ${dataLength} bytes of ` +
          'data follow the header.',
      );
    }
    filled = end;
  }
  if (filled !== size) {
    throw malformed(
      `${dataLength} bytes of data follow the header, but its tensors fill ` +
        `${filled - dataBegin}.`,
    );
  }
  return ordered;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
