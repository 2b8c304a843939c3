// Pictures, a batch at a time.
import { shuffledIndices } from '@polyak/example-mnist/random';
import { PIXELS } from './pictures/canvas.js';
import type { Pictures } from './pictures/pictures.js';
import type { Random } from './pictures/random.js';
import { selectPictures } from './problem.js';

/**
 * Batches without end, in a fresh random order in each pass. A last batch of a pass that is not
 * full is left out, so that each step weighs the same.
 */
export function* shuffledBatches(
  pictures: Pictures,
  batchSize: number,
  random: Random,
): Generator<Pictures, never> {
  for (;;) {
    const order = shuffledIndices(pictures.count, random);
    for (let start = 0; start + batchSize <= pictures.count; start += batchSize) {
      yield selectPictures(pictures, order.subarray(start, start + batchSize));
    }
  }
}

/** All pictures in order, the last batch as long as it comes. Shares memory with `pictures`. */
export function* orderedBatches(
  { images, masks, count }: Pictures,
  batchSize: number,
): Generator<Pictures> {
  for (let start = 0; start < count; start += batchSize) {
    const end = Math.min(start + batchSize, count);
    yield {
      images: images.subarray(start * PIXELS, end * PIXELS),
      masks: masks.subarray(start * PIXELS, end * PIXELS),
      count: end - start,
    };
  }
}
