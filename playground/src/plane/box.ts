// The part of a plane that is drawn.
import type { Point } from './plane.js';

export interface Box {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** The share of the width and height of the points that is drawn on each side of them. */
const margin = 0.25;

/** The box around points and the origin. Each axis has a scale of its own. */
export function boxOf(points: readonly Point[]): Box {
  const range = (values: readonly number[]): [number, number] => {
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const space = margin * (high - low || 1);
    return [low - space, high + space];
  };
  return { x: range(points.map(([x]) => x)), y: range(points.map(([, y]) => y)) };
}

/** The centres of `size` by `size` cells, row by row from the least `y` on. */
export function gridPoints({ x, y }: Box, size: number): readonly (readonly Point[])[] {
  const at = ([low, high]: readonly [number, number], index: number): number =>
    low + ((high - low) * (index + 0.5)) / size;
  const cells = Array.from({ length: size }, (_, index) => index);
  return cells.map((row) => cells.map((column) => [at(x, column), at(y, row)]));
}
