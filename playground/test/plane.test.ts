import { describe, expect, it } from 'vitest';
import { packed, unpacked } from '../src/packed.js';
import { boxOf, gridPoints } from '../src/plane/box.js';
import { flatness } from '../src/plane/flatness.js';
import { planeOf, projected, weightsAt } from '../src/plane/plane.js';
import { dot, flattened, unflattened } from '../src/plane/vectors.js';

/** A path in five dimensions: a drift along the second, a smaller bounce along the fourth. */
function driftingPath(length: number): Float64Array[] {
  return Array.from({ length }, (_, epoch) => {
    const bounce = [1, -0.6, 0.4, -0.9, 0.2, -0.3][epoch % 6] ?? 0;
    return Float64Array.of(3, 0.5 * epoch, -1, bounce, 7);
  });
}

describe('planeOf', () => {
  const path = driftingPath(40);
  const origin = Float64Array.of(3, 10, -1, 0, 7);
  const plane = planeOf(path, origin);

  it('has the bounce as y and the drift as x, which points forward', () => {
    expect(Math.abs(plane.y[3] ?? 0)).toBeGreaterThan(0.999);
    expect(plane.x[1]).toBeGreaterThan(0.999);
    expect(dot(plane.x, plane.y)).toBeCloseTo(0, 10);
  });

  it('keeps the signs of the plane before', () => {
    const turned = { ...plane, x: plane.x.map((v) => -v), y: plane.y.map((v) => -v) };
    const next = planeOf(driftingPath(41), origin, turned);
    expect(dot(next.x, turned.x)).toBeGreaterThan(0.99);
    expect(dot(next.y, turned.y)).toBeGreaterThan(0.99);
  });

  it('projects the weights at a point to that point', () => {
    const [x, y] = projected(weightsAt([1.5, -2], plane), plane);
    expect(x).toBeCloseTo(1.5, 10);
    expect(y).toBeCloseTo(-2, 10);
  });
});

it('draws the points and the origin in a box with a margin, cell by cell', () => {
  const box = boxOf([
    [1, 2],
    [3, -2],
  ]);
  expect(box).toEqual({ x: [-0.75, 3.75], y: [-3, 3] });
  expect(gridPoints({ x: [0, 4], y: [0, 8] }, 2)).toEqual([
    [
      [1, 2],
      [3, 2],
    ],
    [
      [1, 6],
      [3, 6],
    ],
  ]);
});

it('goes from weights to a vector and back', () => {
  const weights = {
    kernel: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    bias: { dtype: 'float32', shape: [1], data: Float32Array.of(5) },
  } as const;
  expect(flattened(weights)).toEqual(Float64Array.of(1, 2, 3, 4, 5));
  expect(unflattened(flattened(weights), weights)).toEqual(weights);
});

it('measures the loss at distances from the weights', async () => {
  const weights = Float64Array.of(1, -2, 0.5);
  const squares = await flatness(weights, [0, 2], async (at) => {
    return at.reduce((sum, value, index) => sum + (value - (weights[index] ?? 0)) ** 2, 0);
  });
  expect(squares[0]).toBe(0);
  expect(squares[1]).toBeCloseTo(4, 10);
});

it('packs classes as text', () => {
  const classes = Uint8Array.of(0, 0, 0, 2, 1, 1, 9, ...Array.from({ length: 120 }, () => 4));
  expect(packed(classes)).toBe('3ac2bj120e');
  expect(unpacked(packed(classes))).toEqual(classes);
});
