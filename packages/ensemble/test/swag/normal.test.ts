// The random numbers of SWAG: the reference's bits, and the normal distribution to within its
// standard errors. All by samples of a model whose weights have mean 0 and variance 1.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';

const backend = cpuBackend();

/** A SWAG whose samples are `count` draws from the standard normal distribution. */
async function standardNormal(
  count: number,
  options: { readonly seed?: number; readonly random?: readonly number[] },
): Promise<SWAG<HostTensor>> {
  const tensor = (value: number): HostTensor => ({
    dtype: 'float64',
    shape: [count],
    data: new Float64Array(count).fill(value),
  });
  const { seed = 0, random } = options;
  const swag = new SWAG([parameter('w', tensor(0))], { backend, rank: 0, seed });
  const state = await swag.stateDict();
  await swag.loadStateDict({
    ...state,
    nModels: 1,
    mean: { w: tensor(0) },
    variance: { w: tensor(1) },
    random: random ?? state.random,
  });
  return swag;
}

async function drawsOf(swag: SWAG<HostTensor>): Promise<Float64Array> {
  return (await swag.sample())['w']?.data as Float64Array;
}

describe('the generator', () => {
  it('gives what the reference implementation of xoshiro128** gives', async () => {
    const swag = await standardNormal(1, { random: [1, 2, 3, 4] });
    const rotated = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
    /** What the next step gives is a function of the second word of the state. */
    const next = async (): Promise<number> => {
      const [, word = NaN] = (await swag.stateDict()).random;
      return Math.imul(rotated(Math.imul(word, 5), 7), 9) >>> 0;
    };
    // From the tests of the Rust crate rand_xoshiro, made with xoshiro128starstar.c, version 1.1.
    const reference = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ];
    expect(await next()).toBe(reference[0]);
    // A draw takes four integers for each pair that it tries.
    await swag.sample();
    expect([reference[4], reference[8]]).toContain(await next());
  });

  it('has another state for each seed, none of them 0', async () => {
    const seeds = [...Array.from({ length: 1000 }, (_, seed) => seed), 2 ** 32 - 1];
    const states = await Promise.all(
      seeds.map(async (seed) => (await new SWAG([], { backend, seed }).stateDict()).random),
    );
    expect(new Set(states.map(String)).size).toBe(1001);
    expect(states.every((state) => state.length === 4 && state.some((word) => word > 0))).toBe(
      true,
    );
  });
});

describe('the draws', async () => {
  const COUNT = 1_000_000;
  const draws = await drawsOf(await standardNormal(COUNT, { seed: 2 }));
  const moment = (power: number): number =>
    draws.reduce((sum, value) => sum + value ** power, 0) / COUNT;

  // The variances of the moments of a standard normal distribution: E[x^2k] - E[x^k]^2.
  it.each([
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
    [6, 15, 10_170],
  ])('have the moment %i within four standard errors', (power, expected, variance) => {
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
  ])('lie below %f as often as they should, within four standard errors', (limit, expected) => {
    const share = draws.filter((value) => value < limit).length / COUNT;
    expect(Math.abs(share - expected)).toBeLessThan(
      4 * Math.sqrt((expected * (1 - expected)) / COUNT),
    );
  });

  it('are not correlated with the draw before, nor in magnitude', () => {
    const product = (of: (value: number) => number): number =>
      draws.reduce((sum, value, n) => sum + of(value) * of(draws[n - 1] ?? 0), 0) / COUNT;
    expect(Math.abs(product((value) => value))).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(Math.abs(product((value) => value * value - 1))).toBeLessThan(
      (4 * 2) / Math.sqrt(COUNT),
    );
  });

  it('are the same on every machine', async () => {
    // Made with Python, from the papers.
    expect([...(await drawsOf(await standardNormal(4, { seed: 0 })))]).toEqual([
      0.66006707642953, 0.4275064859418412, 1.5194369771009228, -0.5604868916679135,
    ]);
  });
});
