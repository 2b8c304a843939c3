// Digits, a batch at a time.
import { type Digits, imageSize, selectDigits } from './mnist.js';
import { shuffledIndices } from './random.js';

/**
 * One epoch of batches in a fresh random order. A last batch that is not full is left out, so that
 * each step weighs the same.
 *
 * @param random - uniform 32-bit integers; what it gives next decides the order
 */
export function* shuffledBatches(
  digits: Digits,
  batchSize: number,
  random: () => number,
): Generator<Digits> {
  const order = shuffledIndices(digits.count, random);
  for (let start = 0; start + batchSize <= digits.count; start += batchSize) {
    yield selectDigits(digits, order.subarray(start, start + batchSize));
  }
}

/**
 * All digits in order, `batchSize` at a time, the last batch as long as it comes. Shares memory
 * with `digits`.
 */
export function* orderedBatches(digits: Digits, batchSize: number): Generator<Digits> {
  const pixelCount = imageSize * imageSize;
  for (let start = 0; start < digits.count; start += batchSize) {
    const end = Math.min(start + batchSize, digits.count);
    yield {
      images: digits.images.subarray(start * pixelCount, end * pixelCount),
      labels: digits.labels.subarray(start, end),
      count: end - start,
    };
  }
}
