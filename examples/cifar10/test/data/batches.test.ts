import { describe, expect, it } from 'vitest';

import { plainBatches, trainingBatches } from '../../src/data/batches.js';
import { noise } from '../fixture.js';

const images = noise(50, 1);
// A label for each image, so that the order shows.
const numbered = { ...images, labels: Uint8Array.from({ length: 50 }, (_, index) => index) };
const orderOf = (seed: number, epoch: number): readonly number[] =>
  [...trainingBatches(numbered, 8, seed, epoch)].flatMap(({ labels }) => [...labels]);

describe('trainingBatches', () => {
  it('shows each image at most once an epoch, and leaves out a batch that is not full', () => {
    const order = orderOf(1, 1);
    expect(order.length).toBe(48);
    expect(new Set(order).size).toBe(48);
  });

  it('gives the same for the same seed and epoch, other orders and views for another', () => {
    const [first, again] = [
      [...trainingBatches(images, 8, 1, 1)],
      [...trainingBatches(images, 8, 1, 1)],
    ];
    expect(again).toEqual(first);
    expect(orderOf(1, 2)).not.toEqual(orderOf(1, 1));
    expect(orderOf(2, 1)).not.toEqual(orderOf(1, 1));
  });

  it('views an image of an epoch the same whatever batch it comes in', () => {
    const viewIn = (batchSize: number, index: number): Float32Array | undefined => {
      for (const { images: views, labels } of trainingBatches(numbered, batchSize, 3, 4)) {
        const row = labels.indexOf(index);
        if (row >= 0) return views.slice(row * 3072, (row + 1) * 3072);
      }
      return undefined;
    };
    const [index = 0] = orderOf(3, 4);
    expect(viewIn(8, index)).toEqual(viewIn(2, index));
  });
});

describe('plainBatches', () => {
  it('gives all images in order', () => {
    const many = noise(260, 2);
    const batches = [...plainBatches(many)];
    expect(batches.map(({ count }) => count)).toEqual([250, 10]);
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual([...many.labels]);
  });
});
