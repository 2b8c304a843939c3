import { sortedMethods } from '@polyak/example-shared/method-lines';
import { describe, expect, it } from 'vitest';

describe('sortedMethods', () => {
  it('sorts by experiment, budget, method and seed, numbers as numbers', () => {
    const texts = ['a 20 sgd 2', 'a 20 sgd 10', 'a 20 swa 1', 'a 100 ema 1', 'b 5 ema 1'];
    const lines = texts.map((text) => {
      const [experiment = '', budget, method = '', seed] = text.split(' ');
      return { experiment, budget: Number(budget), method, seed: Number(seed) };
    });
    const sorted = sortedMethods(lines.toReversed());
    expect(sorted.map((line) => Object.values(line).join(' '))).toEqual(texts);
  });
});
