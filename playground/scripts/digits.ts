// Writes data/digits.bin: the first digits of MNIST's two parts, shrunk to 14 by 14 pixels.
import { writeFile } from 'node:fs/promises';
import type { Digits } from '@polyak/example-mnist/mnist';
import { imageSize, readMnist } from '@polyak/example-mnist/mnist';
import { digitPixels, digitSize, testDigits } from '../src/task/digits.js';
import { plans } from '../src/task/task.js';

const [train, test] = await Promise.all([readMnist('train'), readMnist('test')]);
const parts = [
  { digits: train, count: plans.mnist.trainCount },
  { digits: test, count: testDigits },
];
const labels = parts.flatMap(({ digits, count }) => [...digits.labels.subarray(0, count)]);
const shades = parts.flatMap(({ digits, count }) => shrunk(digits, count));
const pairs = Array.from({ length: shades.length / 2 }, (_, index) => {
  return ((shades[2 * index] ?? 0) << 4) | (shades[2 * index + 1] ?? 0);
});
await writeFile(
  new URL('../data/digits.bin', import.meta.url),
  Uint8Array.from([...labels, ...pairs]),
);

/** Means of 2 by 2 pixels, as integers from 0 to 15. */
function shrunk({ images }: Digits, count: number): number[] {
  return Array.from({ length: count * digitPixels }, (_, index) => {
    const image = Math.floor(index / digitPixels);
    const row = Math.floor((index % digitPixels) / digitSize);
    const first = image * imageSize ** 2 + 2 * row * imageSize + 2 * (index % digitSize);
    const corners = [first, first + 1, first + imageSize, first + imageSize + 1];
    return Math.round((15 / 4) * corners.reduce((sum, corner) => sum + (images[corner] ?? 0), 0));
  });
}
