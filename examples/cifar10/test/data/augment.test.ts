import { describe, expect, it } from 'vitest';

import { PLAIN, randomView, type View, viewsOf, writeView } from '../../src/data/augment.js';
import { IMAGE_BYTES } from '../../src/data/cifar10.js';
import { randomOf } from '../../src/data/random.js';
import { noise } from '../fixture.js';

const { pixels } = noise(1, 3);

function viewOf(view: View): Float32Array {
  const target = new Float32Array(IMAGE_BYTES);
  writeView(pixels, view, target);
  return target;
}

const plain = viewOf(PLAIN);
const at = (image: Float32Array, row: number, column: number): readonly number[] => [
  ...image.subarray((row * 32 + column) * 3, (row * 32 + column) * 3 + 3),
];

describe('writeView', () => {
  it('normalises each channel by its own mean and deviation', () => {
    const [red = 0, green = 0, blue = 0] = pixels;
    expect(at(plain, 0, 0)).toEqual([
      Math.fround((red / 255 - 0.4914) / 0.247),
      Math.fround((green / 255 - 0.4822) / 0.2435),
      Math.fround((blue / 255 - 0.4465) / 0.2616),
    ]);
  });

  it('crops from the padded image, 0 where the padding is', () => {
    for (const shift of [
      [4, -4],
      [-4, 4],
      [1, 2],
      [0, -3],
    ] as const) {
      const [up, left] = shift;
      const view = viewOf({ shift, isMirrored: false });
      for (let row = 0; row < 32; row++) {
        for (let column = 0; column < 32; column++) {
          const [r, c] = [row + up, column + left];
          const isInside = r >= 0 && r < 32 && c >= 0 && c < 32;
          expect(at(view, row, column)).toEqual(isInside ? at(plain, r, c) : [0, 0, 0]);
        }
      }
    }
  });

  it('mirrors columns', () => {
    const mirrored = viewOf({ shift: [0, 0], isMirrored: true });
    for (let column = 0; column < 32; column++)
      expect(at(mirrored, 5, column)).toEqual(at(plain, 5, 31 - column));
  });
});

describe('randomView', () => {
  it('draws all 162 views about equally often', () => {
    const counts = new Map<string, number>();
    for (let index = 0; index < 16_200; index++) {
      const key = JSON.stringify(randomView(randomOf(1, 2, index)));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(162);
    expect(Math.min(...counts.values())).toBeGreaterThan(50);
    expect(Math.max(...counts.values())).toBeLessThan(160);
  });
});

describe('viewsOf', () => {
  it('puts a view of each image behind the other', () => {
    const images = noise(3, 4);
    const views = viewsOf(images.pixels, [2, 0], () => PLAIN);
    const last = new Float32Array(IMAGE_BYTES);
    writeView(images.pixels.subarray(0, IMAGE_BYTES), PLAIN, last);
    expect(views.length).toBe(2 * IMAGE_BYTES);
    expect([...views.subarray(IMAGE_BYTES)]).toEqual([...last]);
  });
});
