// The loss along random directions around weights: the flatter, the slower it grows.
import { mulberry32 } from '@polyak/example-mnist/random';
import { normal } from '../task/normal.js';
import type { Vector } from './vectors.js';
import { plus, unit } from './vectors.js';

const directions = 10;

/**
 * The mean loss at each distance from `weights`, over random directions that are the same for all
 * weights.
 *
 * @param lossAt - the loss of other weights
 */
export async function flatness(
  weights: Vector,
  radii: readonly number[],
  lossAt: (weights: Vector) => Promise<number>,
): Promise<readonly number[]> {
  const random = mulberry32(1);
  const units = Array.from({ length: directions }, () => unit(weights.map(() => normal(random))));
  const means: number[] = [];
  for (const radius of radii) {
    let sum = 0;
    for (const direction of units) sum += await lossAt(plus(weights, direction, radius));
    means.push(sum / directions);
  }
  return means;
}
