import { describe, expect, it } from 'vitest';

import { orderedBatches, shuffledBatches } from '../../src/data/batches.js';
import type { Digits } from '../../src/data/mnist.js';
import { mulberry32 } from '../../src/data/random.js';

/** Ten digits, each image full of its own label. */
const digits: Digits = {
  images: Float32Array.from({ length: 10 * 784 }, (_, index) => Math.floor(index / 784)),
  labels: Uint8Array.from({ length: 10 }, (_, index) => index),
  count: 10,
};

describe('shuffledBatches', () => {
  it('gives each digit at most once, image and label together, in full batches only', () => {
    const batches = [...shuffledBatches(digits, 4, mulberry32(1))];
    expect(batches.map(({ count }) => count)).toEqual([4, 4]);
    const labels = batches.flatMap((batch) => [...batch.labels]);
    expect(new Set(labels).size).toBe(8);
    for (const batch of batches) {
      expect([...batch.labels]).toEqual(
        [...batch.labels].map((_, row) => batch.images[row * 784 + 783]),
      );
    }
  });

  it('gives another order in the next epoch, and the same again for the same seed', () => {
    const epochs = (): number[][] => {
      const random = mulberry32(1);
      return [1, 2].map(() =>
        [...shuffledBatches(digits, 5, random)].flatMap((batch) => [...batch.labels]),
      );
    };
    const [first, second] = epochs();
    expect(first).not.toEqual(second);
    expect(epochs()).toEqual([first, second]);
  });
});

describe('orderedBatches', () => {
  it('gives every digit once, in order, the last batch shorter', () => {
    const batches = [...orderedBatches(digits, 4)];
    expect(batches.map(({ count }) => count)).toEqual([4, 4, 2]);
    expect(batches.flatMap((batch) => [...batch.labels])).toEqual([...digits.labels]);
    expect(batches[2]?.images).toEqual(digits.images.subarray(8 * 784));
  });
});
