import { describe, expect, it } from 'vitest';

import { mulberry32, shuffledIndices } from '../../src/data/random.js';

describe('mulberry32', () => {
  it.each([
    [0, [1144304738, 1416247, 958946056, 627933444]],
    [1, [2693262067, 11749833, 2265367787, 4213581821]],
    [4294967295, [3850105811, 813802916, 3073704848, 4054706436]],
  ] as const)('gives the known sequence for seed %d', (seed, expected) => {
    const random = mulberry32(seed);
    expect(expected.map(() => random())).toEqual(expected);
  });
});

describe('shuffledIndices', () => {
  it('holds each index once', () => {
    const indices = shuffledIndices(1000, mulberry32(3));
    expect(indices.length).toBe(1000);
    expect(new Set(indices)).toEqual(new Set(Array.from({ length: 1000 }, (_, index) => index)));
  });

  it('gives the same order for the same seed, and another for another', () => {
    const order = [...shuffledIndices(100, mulberry32(1))];
    expect([...shuffledIndices(100, mulberry32(1))]).toEqual(order);
    expect([...shuffledIndices(100, mulberry32(2))]).not.toEqual(order);
  });

  it('puts each index in each place about as often', () => {
    const random = mulberry32(1);
    const firsts = [0, 0, 0];
    for (let draw = 0; draw < 30_000; draw++) {
      const first = shuffledIndices(3, random)[0] ?? 0;
      firsts[first] = (firsts[first] ?? 0) + 1;
    }
    for (const count of firsts) {
      expect(Math.abs(count - 10_000)).toBeLessThan(400); // five standard deviations
    }
  });
});
