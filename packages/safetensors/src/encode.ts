// Writes safetensors files: 8 bytes of header length, a JSON header, the tensors' bytes.
import { isDType } from './header/dtypes.js';
import { laidOut } from './header/layout.js';
import { MAX_RANK } from './header/limits.js';
import { excerpt } from './json.js';
import { refuseBigEndian } from './little-endian.js';
import type { HostTensor } from './tensor.js';
import { arrayOf, bytesOf, canonical, elementCount, formatSpec } from './tensor.js';

/** Tensors with fewer bytes are copied into chunks of several. */
const SMALL = 2 ** 16;
/** The most bytes that are copied into one chunk. */
const GATHERED = 2 ** 20;
// Node writes less than 2 GiB at once.
const LONGEST = 2 ** 30;

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
  return joined(pieces(tensors, metadata));
}

/**
 * {@link encodeSafetensors} without a copy of the data, in chunks for a file or a stream. Large
 * tensors are chunks of their own: views of their data, of at most 1 GiB each. So the file can be
 * longer than one array can be, and takes no memory.
 *
 * @param tensors - as for {@link encodeSafetensors}. They may not change before the chunks are
 * written
 * @param metadata - as for {@link encodeSafetensors}
 * @returns chunks that make up the bytes of {@link encodeSafetensors}; can be iterated repeatedly
 * @throws what {@link encodeSafetensors} throws, before the first chunk; a TypeError instead of a
 *   chunk whose buffer was transferred meanwhile
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { encodeSafetensorsChunks } from '@polyak/safetensors';
 *
 * const weight = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } as const;
 * await writeFile('/dev/null', encodeSafetensorsChunks({ weight }));
 * ```
 */
export function encodeSafetensorsChunks(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Iterable<Uint8Array> {
  const whole = pieces(tensors, metadata);
  const lengths = whole.map(({ byteLength }) => byteLength);
  return { [Symbol.iterator]: () => chunksOf(whole, lengths) };
}

/** The header, then the data of each tensor. */
function pieces(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>>,
): readonly Uint8Array[] {
  const call = 'encodeSafetensors';
  refuseBigEndian(call);
  // The entries of a Map are not properties: it would be an empty file.
  if (typeof tensors !== 'object' || tensors === null || Symbol.iterator in tensors) {
    throw new TypeError(`${call}: expected an object of tensors by name, no list and no Map.`);
  }
  const named = new Map(
    Object.entries(tensors).map(([name, tensor]) => [name, inMemory(name, tensor)]),
  );
  const { header, tensors: entries } = laidOut(call, named, metadata, 'canonical');
  for (const [name, tensor] of named) checkData(`${call}: tensor ${excerpt(name)}`, tensor);
  const data = entries.flatMap(({ name }) => named.get(name)?.data ?? []);
  return [header, ...data.map(bytesOf)];
}

// A write for each of 100,000 small tensors takes far longer than copying them together.
//
// By byteLength: once this function is optimised, Node 26 takes a length over 2^31 for a negative
// one, and every chunk would be left out. A test shows it.
function* chunksOf(
  whole: readonly Uint8Array[],
  lengths: readonly number[],
): Generator<Uint8Array, void> {
  let small: Uint8Array[] = [];
  let size = 0;
  for (const [index, piece] of whole.entries()) {
    const length = lengths[index] as number;
    const isSmall = length < SMALL;
    if (size > 0 && !(isSmall && size + length <= GATHERED)) {
      yield joined(small);
      small = [];
      size = 0;
    }
    // The header says the length: without this, a file would end early, and nobody would notice.
    if (piece.byteLength !== length) {
      throw new TypeError(
        `encodeSafetensorsChunks: the data of a tensor has ${piece.byteLength} bytes, expected ` +
          `${length}, as before. Do not transfer its buffer before the chunks are written.`,
      );
    }
    if (isSmall) {
      small.push(piece);
      size += length;
    } else {
      for (let at = 0; at < length; at += LONGEST) yield piece.subarray(at, at + LONGEST);
    }
  }
  if (size > 0) yield joined(small);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function inMemory(name: string, tensor: HostTensor): HostTensor {
  if (typeof tensor !== 'object' || tensor === null) {
    throw new TypeError(
      `encodeSafetensors: tensor ${excerpt(name)} is ${excerpt(tensor)}, expected ` +
        '{ dtype, shape, data }.',
    );
  }
  const { dtype, shape, data } = canonical(tensor);
  // The shape is read once. One that is too long is refused by its length.
  const isShort = Array.isArray(shape) && shape.length <= MAX_RANK;
  return { dtype, shape: isShort ? [...shape] : shape, data };
}

/** Checks the elements, once the dtype and the shape are known to be right. */
function checkData(what: string, tensor: HostTensor): void {
  const { dtype, shape, data } = tensor;
  if (!isDType(dtype))
    throw new TypeError(`${what} has dtype ${String(dtype)}, which arrays do not hold.`);
  const constructor = arrayOf(dtype).name;
  if (!ArrayBuffer.isView(data) || data[Symbol.toStringTag] !== constructor)
    throw new TypeError(`${what}: the data of ${dtype} are not in a ${constructor}.`);
  if (data.length !== elementCount(shape)) {
    const expected = `${elementCount(shape)} for ${formatSpec(tensor)}`;
    throw new RangeError(`${what} holds ${data.length} elements, expected ${expected}.`);
  }
  if (dtype === 'bool' && bytesOf(data).some((element) => element > 1))
    throw new RangeError(`${what} holds bools that are neither 0 nor 1.`);
}
