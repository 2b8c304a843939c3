// Cluttered pictures with whole digits in them, and the masks of those digits.
import { imageSize as digitSize } from '@polyak/example-mnist/mnist';
import type { Digits } from '@polyak/example-mnist/mnist';
import {
  addNoise,
  cut,
  digitInk,
  maskOf,
  paint,
  paintWaves,
  PIXELS,
  SIZE,
  strokeInk,
} from './canvas.js';
import type { Canvas, Ink, Point } from './canvas.js';
import { below, between } from './random.js';
import type { Random } from './random.js';

/** Pictures, and what of each is foreground. */
export interface Pictures {
  /** Row-major pixels of shape [count, 48, 48, 1], from 0 (black) to 1 (white). */
  readonly images: Float32Array;
  /** Of the same shape: 1 on a whole digit, 0 elsewhere. */
  readonly masks: Float32Array;
  readonly count: number;
}

// How much lighter than the ground.
const CLUTTER = [0.05, 0.3] as const;
const DIGIT = [0.3, 0.6] as const;

/** Draws `count` pictures from `digits`, one after the other from `random`. */
export function drawPictures(digits: Digits, count: number, random: Random): Pictures {
  const images = new Float32Array(count * PIXELS);
  const masks = new Float32Array(count * PIXELS);
  for (let row = 0; row < count; row += 1) {
    const pixels = images.subarray(row * PIXELS, (row + 1) * PIXELS);
    masks.set(drawPicture(pixels, digits, random), row * PIXELS);
  }
  return { images, masks, count };
}

/**
 * Draws a picture: waves; 1 to 3 strokes and 1 or 2 halves of digits; 1 or 2 whole digits; noise.
 *
 * @returns the mask of the whole digits
 */
function drawPicture(canvas: Canvas, digits: Digits, random: Random): Uint8Array {
  const ground = between(random, 0.15, 0.45);
  paintWaves(canvas, ground, random);
  for (let left = 1 + below(random, 3); left > 0; left -= 1) {
    paint(canvas, randomStroke(random), ground + between(random, ...CLUTTER));
  }
  for (let left = 1 + below(random, 2); left > 0; left -= 1) {
    const { ink, center } = randomDigit(digits, random);
    const half = cut(ink, center, between(random, 0, 2 * Math.PI));
    paint(canvas, half, ground + between(random, ...CLUTTER));
  }
  const mask = new Uint8Array(PIXELS);
  for (let left = 1 + below(random, 2); left > 0; left -= 1) {
    const { ink } = randomDigit(digits, random);
    paint(canvas, ink, ground + between(random, ...DIGIT));
    maskOf(ink).forEach((isInside, index) => (mask[index] = (mask[index] ?? 0) | isInside));
  }
  addNoise(canvas, between(random, 0.03, 0.08), random);
  return mask;
}

function randomDigit(digits: Digits, random: Random): { ink: Ink; center: Point } {
  const index = below(random, digits.count);
  const scale = between(random, 0.7, 1.3);
  const reach = SIZE - digitSize * scale;
  const corner = { x: between(random, 0, reach), y: between(random, 0, reach) };
  const half = (digitSize * scale) / 2;
  return {
    ink: digitInk(
      digits.images.subarray(index * digitSize ** 2, (index + 1) * digitSize ** 2),
      corner,
      scale,
    ),
    center: { x: corner.x + half, y: corner.y + half },
  };
}

function randomStroke(random: Random): Ink {
  const point = (): Point => ({ x: between(random, 0, SIZE), y: between(random, 0, SIZE) });
  return strokeInk([point(), point(), point()], between(random, 1.5, 3.5));
}
