// CIFAR-10's binary format: records of one byte for the label and 3 x 32 x 32 bytes for the image,
// a colour after the other.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Failure } from '../failure.js';

/** Height and width of an image, in pixels. */
export const IMAGE_SIZE = 32;
/** Red, green and blue. */
export const CHANNELS = 3;
/** Bytes of an image. */
export const IMAGE_BYTES: number = IMAGE_SIZE * IMAGE_SIZE * CHANNELS;
/** Airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck. */
export const CLASSES = 10;

const PLANE = IMAGE_SIZE * IMAGE_SIZE;
const RECORD = 1 + IMAGE_BYTES;

/** Colour images and what they show. */
export interface Images {
  /** [count, 32, 32, 3], each value from 0 to 255. */
  readonly pixels: Uint8Array;
  /** A class an image, 0 to 9. */
  readonly labels: Uint8Array;
  readonly count: number;
}

const FILES = {
  train: {
    pattern: /^(data_batch_\d|train)\.bin$/,
    expected: 'data_batch_1.bin to data_batch_5.bin, or train.bin',
  },
  test: { pattern: /^test(_batch)?\.bin$/, expected: 'test_batch.bin, or test.bin' },
} as const;

/**
 * Reads one part of CIFAR-10 out of a folder: the files of the official archive, or `train.bin` and
 * `test.bin` in their format.
 *
 * @throws Failure naming the folder or the file that is not as expected
 */
export async function readCifar10(folder: string, part: 'train' | 'test'): Promise<Images> {
  const { pattern, expected } = FILES[part];
  const names = await readdir(folder).catch(() => {
    throw new Failure(
      `There is no folder ${folder}. Name the one with CIFAR-10's binary files by --data.`,
    );
  });
  const found = names.filter((name) => pattern.test(name)).toSorted();
  if (found.length === 0) throw new Failure(`${folder} has none of ${expected}.`);
  const paths = found.map((name) => join(folder, name));
  return concatenated(
    await Promise.all(paths.map(async (path) => parseCifar10(await readFile(path), path))),
  );
}

/**
 * The images in a file of CIFAR-10's binary format.
 *
 * @param file - all of its bytes
 * @param path - names the file in messages
 * @throws Failure where it is empty or cut off, or has a label above 9
 * @see https://www.cs.toronto.edu/~kriz/cifar.html
 */
export function parseCifar10(file: Uint8Array, path: string): Images {
  if (file.length === 0 || file.length % RECORD !== 0) {
    throw new Failure(
      `${path} has ${file.length} bytes, expected a multiple of ${RECORD}: it is cut off, or is ` +
        'no CIFAR-10.',
    );
  }
  const count = file.length / RECORD;
  const pixels = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const record = file.subarray(index * RECORD, (index + 1) * RECORD);
    const label = record[0] ?? 0;
    if (label >= CLASSES) {
      throw new Failure(
        `${path}: image ${index} has the label ${label}, expected 0 to ${CLASSES - 1}.`,
      );
    }
    labels[index] = label;
    for (let pixel = 0; pixel < PLANE; pixel++) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        pixels[index * IMAGE_BYTES + pixel * CHANNELS + channel] =
          record[1 + channel * PLANE + pixel] ?? 0;
      }
    }
  }
  return { pixels, labels, count };
}

/** Images `start` to `end` - 1. Shares memory with `images`. */
export function sliceImages({ pixels, labels }: Images, start: number, end: number): Images {
  return {
    pixels: pixels.subarray(start * IMAGE_BYTES, end * IMAGE_BYTES),
    labels: labels.subarray(start, end),
    count: end - start,
  };
}

/** All images of several sets, in order. */
export function concatenated(parts: readonly Images[]): Images {
  return {
    pixels: joined(parts.map(({ pixels }) => pixels)),
    labels: joined(parts.map(({ labels }) => labels)),
    count: parts.reduce((sum, { count }) => sum + count, 0),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    whole.set(part, filled);
    filled += part.length;
  }
  return whole;
}
