// Arrays in NumPy's file format, read in batches. Packages that read it take the whole file into
// memory, and have had no release for years.
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { PolyakError } from '@polyak/core';

/** A stretch of an array along its first extent. */
export interface NpyBatch {
  /** The name that ONNX Runtime has for the element type. */
  readonly dtype: 'float32' | 'float64' | 'uint8' | 'int32' | 'int64';
  readonly data: Float32Array | Float64Array | Uint8Array | Int32Array | BigInt64Array;
  readonly shape: readonly number[];
}

/** Element types, by NumPy's name. */
const DTYPES = {
  '<f4': ['float32', Float32Array],
  '<f8': ['float64', Float64Array],
  '|u1': ['uint8', Uint8Array],
  '<i4': ['int32', Int32Array],
  '<i8': ['int64', BigInt64Array],
} as const;

interface Header {
  readonly descr: keyof typeof DTYPES;
  readonly shape: readonly number[];
  readonly begin: number;
}

// NumPy's own headers take 118 bytes, those of version 2 a few times that.
const MOST_HEADER_BYTES = 2 ** 16;
const HEADER =
  /^\{'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \(((?:\d+, ?)*\d*)\), ?\}\s*$/u;

/**
 * The batches of a file, one at a time in memory.
 *
 * @param path - a `.npy` file, row-major, of at least one dimension
 * @param batchSize - the most rows of a batch
 * @throws PolyakError `ERR_CHECKPOINT` where the file is malformed, or of another element type
 */
export async function* npyBatches(path: string, batchSize: number): AsyncGenerator<NpyBatch> {
  const file = await open(path);
  try {
    const { descr, shape, begin } = await headerOf(path, file);
    const [rows = 0, ...inner] = shape;
    const [dtype, TypedArray] = DTYPES[descr];
    const rowBytes =
      inner.reduce((product, extent) => product * extent, 1) * TypedArray.BYTES_PER_ELEMENT;
    const { size } = await file.stat();
    if (size !== begin + rows * rowBytes) {
      throw malformed(
        path,
        `has ${size} bytes, expected ${begin + rows * rowBytes} for [${shape.join(', ')}]`,
      );
    }
    if (rows === 0) throw malformed(path, 'holds no inputs');
    for (let row = 0; row < rows; row += batchSize) {
      const count = Math.min(batchSize, rows - row);
      const bytes = await readExactly(path, file, begin + row * rowBytes, count * rowBytes);
      yield { dtype, data: new TypedArray(bytes.buffer), shape: [count, ...inner] };
    }
  } finally {
    await file.close();
  }
}

async function headerOf(path: string, file: FileHandle): Promise<Header> {
  const prefix = await readExactly(path, file, 0, 12);
  const [view, version] = [new DataView(prefix.buffer), prefix[6]];
  if (!Buffer.from(prefix.buffer, 0, 6).equals(Buffer.from('\x93NUMPY', 'latin1'))) {
    throw malformed(path, 'is not in the format .npy');
  }
  if (version !== 1 && version !== 2 && version !== 3) {
    throw malformed(path, `has version ${version}, expected 1, 2 or 3`);
  }
  const [length, at] =
    version === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  if (length > MOST_HEADER_BYTES) throw malformed(path, `has a header of ${length} bytes`);
  const text = new TextDecoder().decode(await readExactly(path, file, at, length));
  const [, descr = '', order, extents = ''] = HEADER.exec(text) ?? [];
  if (order === undefined) throw malformed(path, 'has a header that is not of an array');
  if (!isDtype(descr)) {
    const known = Object.keys(DTYPES).join(', ');
    throw malformed(path, `holds ${descr}, expected ${known}: save it with X.astype('float32')`);
  }
  if (order === 'True') {
    throw malformed(path, 'is column-major: save it with numpy.ascontiguousarray(X)');
  }
  const shape = (extents.match(/\d+/gu) ?? []).map(Number);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if (shape.length === 0 || !Number.isSafeInteger(elements)) {
    throw malformed(path, `has the shape (${extents}), expected at least one dimension`);
  }
  return { descr, shape, begin: at + length };
}

function isDtype(descr: string): descr is keyof typeof DTYPES {
  return Object.hasOwn(DTYPES, descr);
}

async function readExactly(
  path: string,
  file: FileHandle,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw malformed(path, 'ends early');
    done += bytesRead;
  }
  return bytes;
}

function malformed(path: string, what: string): PolyakError {
  return new PolyakError('ERR_CHECKPOINT', `${path} ${what}.`);
}
