// The random numbers of SWAG: the reference's bits, and the normal distribution to within its
// standard errors.
import { describe, expect, it } from 'vitest';
import { normal } from '../../src/swag/normal.js';
import { seededState, Xoshiro } from '../../src/swag/xoshiro.js';

describe('xoshiro128**', () => {
  it('gives what the reference implementation gives', () => {
    const generator = new Xoshiro([1, 2, 3, 4]);
    // From the tests of the Rust crate rand_xoshiro, made with xoshiro128starstar.c, version 1.1.
    expect(Array.from({ length: 10 }, () => generator.nextInteger())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  it('goes on from its state', () => {
    const generator = new Xoshiro(seededState(9));
    generator.next();
    const other = new Xoshiro(generator.state);
    expect(other.next()).toBe(generator.next());
  });

  it('has another state for each seed, none of them 0', () => {
    const states = Array.from({ length: 1000 }, (_, seed) => seededState(seed));
    states.push(seededState(2 ** 32 - 1));
    expect(new Set(states.map(String)).size).toBe(1001);
    expect(states.every((state) => state.length === 4 && state.some((word) => word > 0))).toBe(
      true,
    );
  });

  it('is uniform in [0, 1), with 53 bits', () => {
    const generator = new Xoshiro(seededState(1));
    const draws = Array.from({ length: 100_000 }, () => generator.next());
    expect(
      draws.every((value) => value >= 0 && value < 1 && Number.isInteger(value * 2 ** 53)),
    ).toBe(true);
    expect(draws.some((value) => !Number.isInteger(value * 2 ** 52))).toBe(true);
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / draws.length));
  });
});

describe('normal', () => {
  const COUNT = 1_000_000;
  const generator = new Xoshiro(seededState(2));
  const draws = Float64Array.from({ length: COUNT }, () => normal(() => generator.next()));
  const moment = (power: number): number =>
    draws.reduce((sum, value) => sum + value ** power, 0) / COUNT;

  // The variances of the moments of a standard normal distribution: E[x^2k] - E[x^k]^2.
  it.each([
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
    [6, 15, 10_170],
  ])('has the moment %i within four standard errors', (power, expected, variance) => {
    expect(Math.abs(moment(power) - expected)).toBeLessThan(4 * Math.sqrt(variance / COUNT));
  });

  it.each([
    [-4, 3.16712e-5],
    [-3, 1.349898e-3],
    [-2, 2.275013e-2],
    [-1, 0.1586553],
    [-0.5, 0.3085375],
    [0, 0.5],
    [0.25, 0.5987063],
    [1, 0.8413447],
    [2, 0.9772499],
    [3, 0.9986501],
    [4, 0.9999683],
  ])('lies below %f as often as it should, within four standard errors', (limit, expected) => {
    const share = draws.filter((value) => value < limit).length / COUNT;
    expect(Math.abs(share - expected)).toBeLessThan(
      4 * Math.sqrt((expected * (1 - expected)) / COUNT),
    );
  });

  it('is not correlated with the draw before, nor in magnitude', () => {
    const product = (of: (value: number) => number): number =>
      draws.reduce((sum, value, n) => sum + of(value) * of(draws[n - 1] ?? 0), 0) / COUNT;
    expect(Math.abs(product((value) => value))).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(Math.abs(product((value) => value * value - 1))).toBeLessThan(
      (4 * 2) / Math.sqrt(COUNT),
    );
  });

  it('is the same on every machine', () => {
    const uniform = new Xoshiro(seededState(0));
    // Made with Python, from the papers.
    expect(Array.from({ length: 4 }, () => normal(() => uniform.next()))).toEqual([
      0.66006707642953, 0.4275064859418412, 1.5194369771009228, -0.5604868916679135,
    ]);
  });
});
