// A grey picture, and what can be painted on it.
import { imageSize as digitSize } from '@polyak/example-mnist/mnist';
import { between, normal } from './random.js';
import type { Random } from './random.js';

/** Height and width of a picture, in pixels. */
export const SIZE = 48;
/** The pixels of a picture. */
export const PIXELS: number = SIZE * SIZE;

/** Row-major pixels, from 0 (black) to 1 (white). */
export type Canvas = Float32Array;

/** A point; x to the right, y down. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How much of a pixel is covered, from 0 to 1. */
export type Ink = (x: number, y: number) => number;

/** Paints every pixel with `grey` as far as `ink` covers it. */
export function paint(canvas: Canvas, ink: Ink, grey: number): void {
  for (let index = 0; index < PIXELS; index += 1) {
    const cover = ink(columnOf(index), rowOf(index));
    canvas[index] = (canvas[index] ?? 0) * (1 - cover) + grey * cover;
  }
}

/** The pixels that `ink` covers by more than half. */
export function maskOf(ink: Ink): Uint8Array {
  return Uint8Array.from({ length: PIXELS }, (_, index) =>
    Number(ink(columnOf(index), rowOf(index)) > 0.5),
  );
}

/**
 * The ink of a digit.
 *
 * @param image - its 28 x 28 pixels, from 0 (paper) to 1 (ink)
 * @param corner - where its upper left corner lies
 * @param scale - how many pixels of the picture one of its pixels is wide
 */
export function digitInk(image: Float32Array, corner: Point, scale: number): Ink {
  const pixel = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= digitSize || y >= digitSize ? 0 : (image[y * digitSize + x] ?? 0);
  return (x, y) => {
    const column = (x - corner.x) / scale;
    const row = (y - corner.y) / scale;
    const left = Math.floor(column);
    const top = Math.floor(row);
    const right = column - left;
    const upper = pixel(left, top) * (1 - right) + pixel(left + 1, top) * right;
    const lower = pixel(left, top + 1) * (1 - right) + pixel(left + 1, top + 1) * right;
    return upper + (lower - upper) * (row - top);
  };
}

/** The part of `ink` on one side of a line through `point`. */
export function cut(ink: Ink, point: Point, angle: number): Ink {
  const [normalX, normalY] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => ((x - point.x) * normalX + (y - point.y) * normalY > 0 ? ink(x, y) : 0);
}

/** A stroke along a curve from the first to the last point, which the one between bends. */
export function strokeInk([from, over, to]: readonly [Point, Point, Point], width: number): Ink {
  const dots = Array.from({ length: 33 }, (_, index) => {
    const t = index / 32;
    const blend = (a: number, b: number, c: number): number =>
      (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t ** 2 * c;
    return { x: blend(from.x, over.x, to.x), y: blend(from.y, over.y, to.y) };
  });
  return (x, y) => {
    let nearest = Infinity;
    for (const dot of dots) nearest = Math.min(nearest, (dot.x - x) ** 2 + (dot.y - y) ** 2);
    return Math.min(1, Math.max(0, width / 2 - Math.sqrt(nearest) + 0.5));
  };
}

/** Covers the picture with waves in a random direction around `grey`. */
export function paintWaves(canvas: Canvas, grey: number, random: Random): void {
  const [angle, phase] = [between(random, 0, 2 * Math.PI), between(random, 0, 2 * Math.PI)];
  const [length, height] = [between(random, 4, 24), between(random, 0, 0.12)];
  const x = (2 * Math.PI * Math.cos(angle)) / length;
  const y = (2 * Math.PI * Math.sin(angle)) / length;
  for (let index = 0; index < PIXELS; index += 1) {
    const way = columnOf(index) * x + rowOf(index) * y;
    canvas[index] = grey + height * Math.sin(way + phase);
  }
}

/** Adds noise to each pixel, and keeps it from 0 to 1. */
export function addNoise(canvas: Canvas, deviation: number, random: Random): void {
  for (let index = 0; index < PIXELS; index += 1) {
    const value = (canvas[index] ?? 0) + deviation * normal(random);
    canvas[index] = Math.min(1, Math.max(0, value));
  }
}

function columnOf(index: number): number {
  return index % SIZE;
}

function rowOf(index: number): number {
  return Math.floor(index / SIZE);
}
