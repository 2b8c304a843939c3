import type { Digits } from '@polyak/example-mnist/mnist';
import { mulberry32 } from '@polyak/example-mnist/random';
import { describe, expect, it } from 'vitest';
import { cut, digitInk, maskOf, paint, PIXELS, SIZE } from '../src/pictures/canvas.js';
import { drawPictures } from '../src/pictures/pictures.js';
import { loadProblem } from '../src/problem.js';

/** One digit that is all ink, or all paper. */
function plain(ink: 0 | 1): Digits {
  return { images: new Float32Array(784).fill(ink), labels: Uint8Array.of(0), count: 1 };
}

/** Paper with a digit-like shape whose pixels all differ. */
const shape = Float32Array.from({ length: 784 }, (_, index) =>
  index % 28 > 5 && index % 28 < 20 ? (index * 37) % 101 : 0,
).map((value) => value / 100);

describe('the ink of a digit', () => {
  it("has the digit's pixels, at scale 1", () => {
    const ink = digitInk(shape, { x: 7, y: 13 }, 1);
    const found = Float32Array.from(shape, (_, index) =>
      ink(7 + (index % 28), 13 + Math.floor(index / 28)),
    );
    expect(found).toEqual(shape);
    expect([ink(6, 20), ink(20, 12), ink(40, 20), ink(20, 41)]).toEqual([0, 0, 0, 0]);
  });

  it('is wider by the scale, and blends neighbours', () => {
    const ink = digitInk(shape, { x: 0, y: 0 }, 2);
    const [left = NaN, right = NaN] = shape.subarray(10 * 28 + 8);
    expect(ink(16, 20)).toBeCloseTo(left, 6);
    expect(ink(17, 20)).toBeCloseTo((left + right) / 2, 6);
  });

  it('can be cut in two halves that make the whole', () => {
    const ink = digitInk(shape, { x: 9, y: 9 }, 1);
    const halves = [0.3, 0.3 + Math.PI].map((angle) => cut(ink, { x: 23.1, y: 22.9 }, angle));
    const count = (part: typeof ink): number => maskOf(part).reduce((sum, value) => sum + value, 0);
    const [one = 0, other = 0] = halves.map(count);
    expect(one).toBeGreaterThan(0);
    expect(other).toBeGreaterThan(0);
    expect(one + other).toBe(count(ink));
  });
});

describe('a mask', () => {
  it("holds the digit's pixels, and painting changes those", () => {
    const ink = digitInk(shape, { x: 4, y: 15 }, 1);
    const mask = maskOf(ink);
    const canvas = new Float32Array(PIXELS);
    paint(canvas, ink, 1);
    mask.forEach((isInside, index) => {
      const [column, row] = [(index % SIZE) - 4, Math.floor(index / SIZE) - 15];
      const isOn = column >= 0 && column < 28 && row >= 0 && row < 28;
      const pixel = isOn ? (shape[row * 28 + column] ?? NaN) : 0;
      expect(isInside).toBe(Number(pixel > 0.5));
      expect(canvas[index]).toBe(pixel);
    });
  });
});

describe('drawPictures', () => {
  it('marks nothing where digits are blank: not strokes, not waves', () => {
    const { masks } = drawPictures(plain(0), 20, mulberry32(3));
    expect(masks.every((value) => value === 0)).toBe(true);
  });

  it('puts one or two digits of 0.7 to 1.3 times their size into each picture', () => {
    const { masks } = drawPictures(plain(1), 40, mulberry32(3));
    for (let row = 0; row < 40; row += 1) {
      const mask = masks.subarray(row * PIXELS, (row + 1) * PIXELS);
      const area = mask.reduce((sum, value) => sum + value, 0);
      expect(area).toBeGreaterThan((0.7 * 27 - 1) ** 2);
      expect(area).toBeLessThan(2 * (1.3 * 28 + 1) ** 2);
    }
  });

  it('paints something on every pixel of a mask', () => {
    const digits = { images: shape, labels: Uint8Array.of(1), count: 1 };
    const [blank, real] = [plain(0), digits].map((from) => drawPictures(from, 20, mulberry32(8)));
    const missing = real?.masks.filter(
      (value, index) => value === 1 && real.images[index] === blank?.images[index],
    );
    // Where noise takes both to black or white, no difference is left.
    expect(missing?.length ?? NaN).toBeLessThan(
      0.02 * (real?.masks.reduce((sum, value) => sum + value, 0) ?? 0),
    );
  });

  it('stays from black to white', () => {
    const { images } = drawPictures(plain(1), 10, mulberry32(5));
    expect(images.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});

describe('the pictures of a run', () => {
  it('are the same for the same seed, and others for another', async () => {
    const [one, again] = await Promise.all([loadProblem('test', 4), loadProblem('test', 4)]);
    expect(again.scored).toEqual(one.scored);
    expect(again.drawTraining(1, 4)).toEqual(one.drawTraining(1, 4));
    expect(one.drawTraining(2, 4)).not.toEqual(one.drawTraining(1, 4));
    expect((await loadProblem('validation', 4)).scored).not.toEqual(one.scored);
  });
});
