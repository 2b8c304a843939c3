// MNIST digits of 14 by 14 pixels, from the file that scripts/digits.ts writes.
import { mulberry32 } from '@polyak/example-mnist/random';
import type { Examples, Task } from './task.js';
import { plans } from './task.js';
import { withRandomLabels } from './wrong-labels.js';

const classes = 10;
export const digitSize = 14;
export const digitPixels = digitSize * digitSize;
export const testDigits = 1000;

/** The training digits, then the test digits. */
const digitCount = plans.mnist.trainCount + testDigits;

/**
 * The digits, with the training labels of a seed.
 *
 * @param file - one label a byte, then the pixels of 16 shades of grey, two a byte
 * @param noise - the share of training labels that are drawn at random, 0 to 1
 */
export function digits(file: Uint8Array, seed: number, noise: number): Task {
  const labels = file.slice(0, digitCount);
  const pixels = new Float32Array(digitCount * digitPixels);
  file.subarray(digitCount).forEach((pair, index) => {
    pixels[2 * index] = (pair >> 4) / 15;
    pixels[2 * index + 1] = (pair & 15) / 15;
  });
  const part = (from: number, to: number): Examples => ({
    inputs: pixels.slice(from * digitPixels, to * digitPixels),
    labels: labels.slice(from, to),
    count: to - from,
  });
  const train = part(0, plans.mnist.trainCount);
  const random = mulberry32(seed);
  return {
    name: 'mnist',
    features: digitPixels,
    classes,
    train: {
      ...train,
      labels: withRandomLabels(train.labels, { share: noise, classes, random }),
    },
    test: part(plans.mnist.trainCount, digitCount),
  };
}
