// The bytes of a header: 8 bytes of length, then JSON as UTF-8.
import { LENGTH_SIZE, malformed, MAX_HEADER_LENGTH } from './limits.js';

declare const TextDecoder: new (
  label: 'utf-8',
  options: { readonly fatal: true },
) => { decode(bytes: Uint8Array): string };

const OPENING_BRACE = 0x7b;

/**
 * Where the data of a file begin.
 *
 * @param bytes - the first 8 of the file, or more
 * @param size - the length of the file
 */
export function dataBeginOf(bytes: Uint8Array, size: number): number {
  if (size < LENGTH_SIZE)
    throw malformed(`the file has ${size} bytes, too few for the length of a header.`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_SIZE).getBigUint64(0, true);
  if (length > MAX_HEADER_LENGTH) {
    throw malformed(
      `the header says it takes ${length} bytes, the format allows ${MAX_HEADER_LENGTH}.`,
    );
  }
  const dataBegin = LENGTH_SIZE + Number(length);
  if (dataBegin > size) {
    throw malformed(
      `the header says it takes ${length} bytes, but ${size - LENGTH_SIZE} follow. Truncated?`,
    );
  }
  return dataBegin;
}

/**
 * The JSON of a header.
 *
 * @param bytes - those of the JSON alone
 */
export function headerText(bytes: Uint8Array): string {
  if (bytes[0] !== OPENING_BRACE)
    throw malformed('the header does not begin with "{". Is this a safetensors file?');
  return decoded('header', bytes);
}

/**
 * UTF-8 as text.
 *
 * @param what - the part of the file, for messages
 * @param bytes - its bytes
 */
export function decoded(what: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(decodable(bytes));
  } catch (cause) {
    throw malformed(`the ${what} is not UTF-8.`, cause);
  }
}

// Browsers decode neither shared nor resizable memory, which is copied.
function decodable(bytes: Uint8Array): Uint8Array {
  const { buffer } = bytes;
  const isShared = buffer[Symbol.toStringTag] !== 'ArrayBuffer';
  const isResizable = 'resizable' in buffer && buffer.resizable === true;
  return isShared || isResizable ? new Uint8Array(bytes) : bytes;
}
