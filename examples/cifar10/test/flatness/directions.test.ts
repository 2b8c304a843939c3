import { describe, expect, it } from 'vitest';

import { directionAt, moved, normOf } from '../../src/flatness/directions.js';

const tensor = (shape: readonly number[], ...data: readonly number[]) =>
  ({ dtype: 'float32', shape, data: Float32Array.from(data) }) as const;
// Two filters of two weights each, (1, 5) and (2, 7), and a bias.
const solution = { kernel: tensor([2, 2], 1, 2, 5, 7), bias: tensor([2], 3, 4) };

describe('directionAt', () => {
  it('has a length of 1 over all weights', () => {
    const direction = directionAt(solution, 'unit', 1, 2);
    expect(normOf(direction)).toBeCloseTo(1, 6);
    expect(direction['bias']?.data.every((value) => value !== 0)).toBe(true);
  });

  it('has filters as long as those of the solution, and leaves biases alone', () => {
    const { kernel, bias } = directionAt(solution, 'filter', 1, 2);
    const [a = NaN, b = NaN, c = NaN, d = NaN] = (kernel?.data ?? []) as Float32Array;
    expect(Math.hypot(a, c)).toBeCloseTo(Math.hypot(1, 5), 5);
    expect(Math.hypot(b, d)).toBeCloseTo(Math.hypot(2, 7), 5);
    expect([...(bias?.data ?? [])]).toEqual([0, 0]);
  });

  it('is decided by numbers: the same for other solutions, another for others', () => {
    const other = { kernel: tensor([2, 2], 9, 9, 9, 9), bias: tensor([2], 9, 9) };
    expect(directionAt(other, 'unit', 1, 2)).toEqual(directionAt(solution, 'unit', 1, 2));
    expect(directionAt(solution, 'unit', 1, 3)).not.toEqual(directionAt(solution, 'unit', 1, 2));
  });
});

describe('moved', () => {
  it('adds a multiple of the direction', () => {
    const direction = directionAt(solution, 'unit', 4);
    const point = moved(solution, direction, 2);
    for (const name of ['kernel', 'bias'] as const) {
      for (const [index, value] of [...(point[name]?.data ?? [])].entries()) {
        const [from = NaN, by = NaN] = [solution, direction].map((each) =>
          Number(each[name]?.data[index]),
        );
        expect(value).toBeCloseTo(from + 2 * by, 5);
      }
    }
    expect(moved(solution, direction, 0)).toEqual(solution);
  });
});
