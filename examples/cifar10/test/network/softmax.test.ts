import { describe, expect, it } from 'vitest';

import { softmax } from '../../src/network/softmax.js';

describe('softmax', () => {
  it('sums to 1 in each row', () => {
    const [a = 0, b = 0, c = 0, d = 0] = softmax([Math.log(1), Math.log(3), 5, 5], 2);
    expect([a, b, c, d].map((value) => value.toFixed(15))).toEqual([
      '0.250000000000000',
      '0.750000000000000',
      '0.500000000000000',
      '0.500000000000000',
    ]);
  });

  it('keeps probabilities that float32 would lose, and takes any size', () => {
    const [least = 0, most] = softmax([0, 500], 2);
    expect([Math.log(least), most]).toEqual([-500, 1]);
    expect([...softmax([1000, -1000], 2)]).toEqual([1, 0]);
  });
});
