// The plane through the space of weights on which a run is drawn.
import type { Vector } from './vectors.js';
import { dot, meanOf, plus, scaled, unit } from './vectors.js';

/** Two orthogonal directions of length 1, from an origin. */
export interface Plane {
  readonly origin: Vector;
  /** The drift of the path. */
  readonly x: Vector;
  /** The bounce of the path. */
  readonly y: Vector;
}

export type Point = readonly [x: number, y: number];

/** The epochs that a moving mean covers. */
const window = 9;
const iterations = 60;

/**
 * The plane of a path: `y` is the first principal component of the path without its moving mean,
 * `x` is the first one of the moving mean, at right angles to `y`. A plane through three iterates
 * of a drifting path would draw an L that is not there.
 *
 * @param path - the weights after each epoch, at least three of them
 * @param origin - the average
 * @param last - the plane that was drawn before; the directions keep its signs
 */
export function planeOf(path: readonly Vector[], origin: Vector, last?: Plane): Plane {
  const means = path.map((_, index) => {
    const reach = Math.min((window - 1) / 2, index, path.length - 1 - index);
    return meanOf(path.slice(index - reach, index + reach + 1));
  });
  const y = firstComponent(
    path.map((weights, index) => plus(weights, means[index] ?? weights, -1)),
  );
  const center = meanOf(means);
  const drift = means.map((mean) => plus(mean, center, -1));
  const x = firstComponent(drift.map((offset) => plus(offset, y, -dot(offset, y))));
  const first = path[0] ?? origin;
  const forward = last === undefined ? plus(origin, first, -1) : last.x;
  return { origin, x: signed(x, forward), y: last === undefined ? y : signed(y, last.y) };
}

/** Where weights lie on a plane, seen at right angles to it. */
export function projected(weights: Vector, { origin, x, y }: Plane): Point {
  const offset = plus(weights, origin, -1);
  return [dot(offset, x), dot(offset, y)];
}

/** The weights at a point of a plane. */
export function weightsAt([x, y]: Point, plane: Plane): Vector {
  return plus(plus(plane.origin, plane.x, x), plane.y, y);
}

/** The direction in which vectors vary most around 0, by power iteration. */
function firstComponent(vectors: readonly Vector[]): Vector {
  // The longest vector is not at right angles to the answer, unless the vectors are contrived.
  const longest = vectors.reduce((a, b) => (dot(b, b) > dot(a, a) ? b : a));
  let direction = unit(longest);
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const next = vectors.reduce(
      (sum, vector) => plus(sum, vector, dot(vector, direction)),
      scaled(direction, 0),
    );
    direction = unit(next);
  }
  return direction;
}

function signed(direction: Vector, forward: Vector): Vector {
  return dot(direction, forward) < 0 ? scaled(direction, -1) : direction;
}
