// Checks that bytes are well-formed protobuf of a schema. The decoder trusts lengths and wire
// types: it can read beyond a message of a corrupt file and return a wrong model.
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
// protobuf's own limit.
const MAX_DEPTH = 100;

/** The fields of a message type, by number. */
type Fields = ReadonlyMap<number, DescField>;
const fieldsByMessage = new WeakMap<DescMessage, Fields>();

function fieldsOf(message: DescMessage): Fields {
  let fields = fieldsByMessage.get(message);
  if (fields === undefined) {
    fields = new Map(message.fields.map((field) => [field.number, field]));
    fieldsByMessage.set(message, fields);
  }
  return fields;
}

function wireTypeOf(field: DescField): number {
  const { scalar } = field;
  switch (scalar) {
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED32;
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return LENGTH_DELIMITED;
    case undefined:
      return field.enum === undefined ? LENGTH_DELIMITED : VARINT;
    default:
      return VARINT;
  }
}

/** Reads bytes from the first to the last, and never past `end`. */
class Cursor {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  varint(end: number): number {
    let value = 0;
    for (let count = 0; count < 10; count += 1) {
      if (this.at >= end) throw new SyntaxError(`byte ${this.at}: a number is cut off`);
      const byte = this.bytes[this.at] as number;
      this.at += 1;
      value += (byte & 0x7f) * 2 ** (7 * count);
      if (byte < 0x80) return value;
    }
    throw new SyntaxError(`byte ${this.at}: a number takes more than 10 bytes`);
  }

  skip(length: number, end: number, what: string): void {
    if (length > end - this.at) {
      throw new SyntaxError(
        `byte ${this.at}: ${what} of ${length} bytes, ${end - this.at} are left`,
      );
    }
    this.at += length;
  }
}

/**
 * Checks that `bytes` are a message: every length within its parent's, every field of its wire
 * type.
 *
 * @param schema - the expected type of message
 * @param bytes - only read
 * @throws SyntaxError that names the first wrong byte
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  checkMessage(schema, new Cursor(bytes), bytes.length, 0);
}

function checkMessage(schema: DescMessage, cursor: Cursor, end: number, depth: number): void {
  if (depth > MAX_DEPTH)
    throw new SyntaxError(`byte ${cursor.at}: nested deeper than ${MAX_DEPTH}`);
  const fields = fieldsOf(schema);
  while (cursor.at < end) {
    const begin = cursor.at;
    const tag = cursor.varint(end);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number === 0 || number >= 2 ** 29)
      throw new SyntaxError(`byte ${begin}: field number ${number}`);
    checkField(fields.get(number), schema, cursor, wireType, end, depth);
  }
}

function checkField(
  field: DescField | undefined,
  schema: DescMessage,
  cursor: Cursor,
  wireType: number,
  end: number,
  depth: number,
): void {
  const begin = cursor.at;
  const what = field === undefined ? `an unknown field of ${schema.typeName}` : field.toString();
  const expected = field === undefined ? wireType : wireTypeOf(field);
  const isPacked = field?.fieldKind === 'list' && wireType === LENGTH_DELIMITED;
  if (wireType !== expected && !isPacked) {
    throw new SyntaxError(`byte ${begin}: ${what} has wire type ${wireType}, expected ${expected}`);
  }
  if (wireType === VARINT) cursor.varint(end);
  else if (wireType === FIXED64) cursor.skip(8, end, what);
  else if (wireType === FIXED32) cursor.skip(4, end, what);
  else if (wireType === LENGTH_DELIMITED) checkDelimited(field, what, cursor, expected, end, depth);
  else throw new SyntaxError(`byte ${begin}: wire type ${wireType}`);
}

function checkDelimited(
  field: DescField | undefined,
  what: string,
  cursor: Cursor,
  expected: number,
  end: number,
  depth: number,
): void {
  const length = cursor.varint(end);
  const begin = cursor.at;
  cursor.skip(length, end, what);
  if (field?.message !== undefined) {
    cursor.at = begin;
    checkMessage(field.message, cursor, begin + length, depth + 1);
  } else if (expected === VARINT) {
    cursor.at = begin;
    while (cursor.at < begin + length) cursor.varint(begin + length);
  } else if (expected !== LENGTH_DELIMITED && length % (expected === FIXED64 ? 8 : 4) !== 0) {
    throw new SyntaxError(
      `byte ${begin}: ${what} is packed in ${length} bytes, not a whole number of elements`,
    );
  }
}
