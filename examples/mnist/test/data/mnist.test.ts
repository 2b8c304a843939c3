import { describe, expect, it } from 'vitest';

import { parseIdx, readMnist, selectDigits } from '../../src/data/mnist.js';

describe('readMnist', () => {
  it.each([
    // The digits of each kind, as counted in the published files.
    ['train', 60_000, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]],
    ['test', 10_000, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]],
  ] as const)('reads all digits to %s', async (part, count, expected) => {
    const { images, labels, ...digits } = await readMnist(part);
    expect(digits.count).toBe(count);
    expect(images.length).toBe(count * 784);
    const counts = Array.from({ length: 10 }, () => 0);
    for (const label of labels) {
      counts[label] = (counts[label] ?? 0) + 1;
    }
    expect(counts).toEqual(expected);
  });

  it('scales pixels to between 0 and 1', async () => {
    const { images } = await readMnist('test');
    let [least, most, sum] = [Infinity, -Infinity, 0];
    for (const pixel of images) {
      least = Math.min(least, pixel);
      most = Math.max(most, pixel);
      sum += pixel;
    }
    expect([least, most]).toEqual([0, 1]);
    expect(sum / images.length).toBeCloseTo(0.1325, 4); // the known mean of the test images
  });
});

describe('selectDigits', () => {
  it('takes images and labels together, in the order asked for', async () => {
    const test = await readMnist('test');
    const selected = selectDigits(test, Uint32Array.of(5, 2, 5));
    expect(selected.count).toBe(3);
    expect([...selected.labels]).toEqual([test.labels[5], test.labels[2], test.labels[5]]);
    expect(selected.images.subarray(784, 1568)).toEqual(test.images.subarray(2 * 784, 3 * 784));
    expect(selected.images.subarray(1568)).toEqual(test.images.subarray(5 * 784, 6 * 784));
  });
});

describe('parseIdx', () => {
  const file = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

  it('gives the values', () => {
    expect([...parseIdx(file, [2, 3], 'digits')]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('reads a view into a longer buffer', () => {
    const longer = new Uint8Array(file.length + 7);
    longer.set(file, 5);
    expect([...parseIdx(longer.subarray(5, 5 + file.length), [2, 3], 'digits')]).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  it.each([
    ['a file that is cut short', file.subarray(0, 17), [2, 3], 'digits has 17 bytes, expected 18'],
    ['an empty file', new Uint8Array(0), [2, 3], 'digits has 0 bytes, expected 18'],
    ['another rank', file.with(3, 1), [2, 3], 'digits has the magic number 2049, expected 2050'],
    ['another type', file.with(2, 9), [2, 3], 'digits has the magic number 2306, expected 2050'],
    ['another shape', file, [3, 2], 'digits has the shape [2,3], expected [3,2]'],
  ])('refuses %s', (_, bytes, shape, message) => {
    expect(() => parseIdx(bytes, shape, 'digits')).toThrow(message);
  });
});
