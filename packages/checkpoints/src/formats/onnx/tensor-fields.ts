// The fields of a TensorProto: what they say, and where the data are.
import type { Field } from './wire.js';
import { forEachVarint, WIRE, WireReader } from './wire.js';

/** A field that holds elements. */
interface DataField {
  /** Its number. */
  readonly number: number;
  /** The offset of its contents. */
  readonly begin: number;
  /** The offset behind its contents. */
  readonly end: number;
  /** Whether all elements lie in this range, each in as many bytes. */
  readonly isWhole: boolean;
}

/** What a TensorProto says. */
export interface TensorFields {
  readonly name: string;
  readonly dims: readonly number[];
  /** The number of its element type. */
  readonly dataType: number;
  /** Whether its data are in another file. */
  readonly isExternal: boolean;
  /** Where they are there. */
  readonly external: readonly Entry[];
  /** The field of its data in the model. */
  readonly data: DataField | undefined;
}

/** A key and its value. */
interface Entry {
  readonly key: string;
  readonly value: string;
}

/** The numbers of a TensorProto's fields. */
export const TENSOR = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const;

/** The fields that stand for the data of a tensor, which an output has in another form. */
export const DATA_FIELDS: ReadonlySet<number> = new Set([
  TENSOR.floatData,
  TENSOR.int32Data,
  TENSOR.stringData,
  TENSOR.int64Data,
  TENSOR.rawData,
  TENSOR.doubleData,
  TENSOR.uint64Data,
  TENSOR.externalData,
  TENSOR.dataLocation,
]);

/** The fields that are read while a model is scanned. */
const HEADER_FIELDS: ReadonlySet<number> = new Set([
  TENSOR.dims,
  TENSOR.dataType,
  TENSOR.name,
  TENSOR.externalData,
  TENSOR.dataLocation,
]);

const EXTERNAL = 1;
// Far more than any tensor has.
const MAX_DIMS = 64;
const MAX_ENTRIES = 64;

/** A tensor whose fields are being read. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Notes a field of a tensor.
 *
 * @param tensor - changed
 * @param field - of it
 * @param reader - of the file
 * @returns a promise where its bytes must be read
 * @throws SyntaxError where the field is malformed
 */
export function noteTensorField(
  tensor: Writable<TensorFields>,
  field: Field,
  reader: WireReader,
): Promise<void> | undefined {
  const { number } = field;
  if (number === TENSOR.segment) throw refused(field, 'a segment of a tensor');
  if (HEADER_FIELDS.has(number)) {
    requireWireType(field);
    const { begin, end } = field;
    const bytes = reader.view(begin, end);
    if (bytes === undefined) {
      return reader.bytes(begin, end).then((read) => noteHeader(tensor, number, read));
    }
    noteHeader(tensor, number, bytes);
    return undefined;
  }
  if (!DATA_FIELDS.has(number)) return undefined;
  if (tensor.data !== undefined && tensor.data.number !== number) {
    throw refused(field, `data in the fields ${tensor.data.number} and ${number} of a tensor`);
  }
  const { begin, end } = field;
  const isFixed =
    number === TENSOR.rawData || number === TENSOR.floatData || number === TENSOR.doubleData;
  const isWhole = isFixed && field.wireType === WIRE.delimited && tensor.data === undefined;
  if (number === TENSOR.rawData && !isWhole) throw refused(field, 'two fields raw_data');
  tensor.data = { number, begin, end, isWhole };
  return undefined;
}

function requireWireType(field: Field): void {
  const { number, wireType } = field;
  const isText = number === TENSOR.name || number === TENSOR.externalData;
  const isPacked = number === TENSOR.dims && wireType === WIRE.delimited;
  if (wireType === (isText ? WIRE.delimited : WIRE.varint) || isPacked) return;
  throw refused(field, `wire type ${wireType}`);
}

function noteHeader(tensor: Writable<TensorFields>, number: number, bytes: Uint8Array): void {
  if (number === TENSOR.name) tensor.name = textFrom(bytes);
  else if (number === TENSOR.externalData) {
    const [key, value] = entryOf(bytes);
    tensor.external = [...tensor.external, { key, value }];
    if (tensor.external.length > MAX_ENTRIES) {
      throw new SyntaxError(
        `"${tensor.name}" has more than ${MAX_ENTRIES} entries of external data`,
      );
    }
  } else {
    forEachVarint(bytes, (low, high) => {
      const value = high * 2 ** 32 + low;
      if (number === TENSOR.dataType) tensor.dataType = value;
      else if (number === TENSOR.dataLocation) tensor.isExternal = value === EXTERNAL;
      else if (tensor.dims.length < MAX_DIMS) tensor.dims = [...tensor.dims, value];
      else throw new SyntaxError(`"${tensor.name}" has more than ${MAX_DIMS} extents`);
    });
  }
}

function refused({ tagAt }: Pick<Field, 'tagAt'>, what: string): SyntaxError {
  return new SyntaxError(`byte ${tagAt}: ${what}`);
}

/**
 * Reads a StringStringEntryProto.
 *
 * @param bytes - of the message
 * @returns its key and its value
 */
export function entryOf(bytes: Uint8Array): readonly [string, string] {
  let [key, value] = ['', ''];
  const reader = WireReader.of(bytes);
  for (let at = 0; at < bytes.byteLength;) {
    const { number, wireType, begin, end } = reader.next(at, bytes.byteLength);
    if (wireType === WIRE.delimited && number === 1) key = textFrom(bytes.subarray(begin, end));
    if (wireType === WIRE.delimited && number === 2) value = textFrom(bytes.subarray(begin, end));
    at = end;
  }
  return [key, value];
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textFrom(bytes: Uint8Array): string {
  // A call of the decoder takes longer than a short name.
  const isShort = bytes.length < 64 && bytes.every((byte) => byte < 0x80);
  return isShort ? String.fromCharCode(...bytes) : decoder.decode(bytes);
}
