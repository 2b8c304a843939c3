// Images as the network takes them, a batch at a time.
import { PLAIN, randomView, viewsOf } from './augment.js';
import type { Images } from './cifar10.js';
import { randomOf, shuffledIndices } from './random.js';

/** What one forward pass reads. */
export interface Batch {
  /** [count, 32, 32, 3], normalised. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

/** Images a forward pass where models are scored: a matter of memory, not of the result. */
const SCORED_AT_ONCE = 250;

/**
 * An epoch of training batches: a new order, and a new view of each image. Seed and epoch decide
 * the order; seed, epoch and the image's index its view. A last batch that is not full is left out,
 * so that each step weighs the same.
 */
export function* trainingBatches(
  { pixels, labels, count }: Images,
  batchSize: number,
  seed: number,
  epoch: number,
): Generator<Batch> {
  const order = shuffledIndices(count, randomOf(seed, epoch));
  for (let start = 0; start + batchSize <= count; start += batchSize) {
    const indices = order.subarray(start, start + batchSize);
    yield {
      images: viewsOf(pixels, indices, (index) => randomView(randomOf(seed, epoch, index))),
      labels: Int32Array.from(indices, (index) => labels[index] ?? 0),
      count: batchSize,
    };
  }
}

/** All images as they are, in order. */
export function* plainBatches({ pixels, labels, count }: Images): Generator<Batch> {
  for (let start = 0; start < count; start += SCORED_AT_ONCE) {
    const length = Math.min(SCORED_AT_ONCE, count - start);
    const indices = Uint32Array.from({ length }, (_, row) => start + row);
    yield {
      images: viewsOf(pixels, indices, () => PLAIN),
      labels: Int32Array.from(labels.subarray(start, start + length)),
      count: length,
    };
  }
}
