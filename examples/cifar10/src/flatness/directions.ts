// Random directions in the space of the weights.
import type { NamedTensors } from '@polyak/core';

import { normalOf, randomOf } from '../data/random.js';

/**
 * How directions are scaled.
 *
 * - `unit`: to a length of 1 over all weights, as in the SWA paper.
 * - `filter`: each filter to the length of the solution's filter. Then the scale of weights before
 *   batch norm does not count, which does not change what the network computes. Batch norm's own
 *   weights and biases stay where they are (Li et al. 2018, https://arxiv.org/abs/1712.09913).
 */
export type Scaling = 'unit' | 'filter';

/**
 * A random direction around a solution; `parts` decide it, so that solutions are compared along the
 * same ones.
 */
export function directionAt(
  solution: NamedTensors,
  scaling: Scaling,
  ...parts: readonly number[]
): NamedTensors {
  const normal = normalOf(randomOf(...parts));
  const noise = mapped(solution, () => normal());
  if (scaling === 'unit') {
    const length = normOf(noise);
    return mapped(noise, (value) => value / length);
  }
  return Object.fromEntries(
    Object.entries(noise).map(([name, { shape, data }]) => {
      const filters = shape.length > 1 ? (shape.at(-1) ?? 1) : 0;
      const [wanted, found] = [solution[name]?.data ?? [], data].map((values) =>
        filterNorms(values as Float32Array, filters),
      );
      const scaled = Float32Array.from(data as Float32Array, (value, index) =>
        filters === 0
          ? 0
          : (value * (wanted?.[index % filters] ?? 0)) / (found?.[index % filters] ?? 1),
      );
      return [name, { dtype: 'float32', shape, data: scaled }];
    }),
  );
}

/** The weights at a distance from a solution. */
export function moved(
  solution: NamedTensors,
  direction: NamedTensors,
  distance: number,
): NamedTensors {
  return mapped(
    solution,
    (value, name, index) => value + distance * Number(direction[name]?.data[index] ?? 0),
  );
}

/** The Euclidean length of all weights. */
export function normOf(weights: NamedTensors): number {
  let sum = 0;
  for (const { data } of Object.values(weights)) {
    for (const value of data as Float32Array) sum += value ** 2;
  }
  return Math.sqrt(sum);
}

/** The length of each filter: the last axis counts them. */
function filterNorms(values: Float32Array, filters: number): readonly number[] {
  const squares = Array.from({ length: filters }, () => 0);
  for (const [index, value] of values.entries()) {
    if (filters > 0) squares[index % filters] = (squares[index % filters] ?? 0) + value ** 2;
  }
  return squares.map(Math.sqrt);
}

function mapped(
  weights: NamedTensors,
  change: (value: number, name: string, index: number) => number,
): NamedTensors {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      {
        dtype: 'float32',
        shape,
        data: Float32Array.from(data as Float32Array, (value, index) => change(value, name, index)),
      },
    ]),
  );
}
