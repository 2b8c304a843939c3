// Weights as one vector, and back.
import type { NamedTensors } from '@polyak/core';

export type Vector = Float64Array;

/** All weights in one vector, in the order of their names in `weights`. */
export function flattened(weights: NamedTensors): Vector {
  return Float64Array.from(Object.values(weights).flatMap(({ data }) => Array.from(data, Number)));
}

/** A vector as weights with the names and shapes of `like`. */
export function unflattened(vector: Vector, like: NamedTensors): NamedTensors {
  let end = 0;
  return Object.fromEntries(
    Object.entries(like).map(
      ([
        name,
        {
          shape,
          data: { length },
        },
      ]) => {
        end += length;
        const data = Float32Array.from(vector.subarray(end - length, end));
        return [name, { dtype: 'float32' as const, shape, data }];
      },
    ),
  );
}

export function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** a + factor · b */
export function plus(a: Vector, b: Vector, factor = 1): Vector {
  return a.map((value, index) => value + factor * (b[index] ?? 0));
}

export function scaled(a: Vector, factor: number): Vector {
  return a.map((value) => factor * value);
}

export function unit(a: Vector): Vector {
  return scaled(a, 1 / Math.sqrt(dot(a, a)));
}

export function meanOf(vectors: readonly Vector[]): Vector {
  const [first, ...rest] = vectors;
  if (first === undefined) throw new RangeError('meanOf: no vectors.');
  return scaled(
    rest.reduce((sum, vector) => plus(sum, vector), first),
    1 / vectors.length,
  );
}
