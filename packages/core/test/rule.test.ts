import { equal, exponential } from '@polyak/core';
import { expect, it } from 'vitest';

it('weighs the next of n + 1 values 1 / (n + 1) in the equal average', () => {
  expect([1, 2, 3, 99].map((n) => equal().weight(n))).toEqual([1 / 2, 1 / 3, 1 / 4, 1 / 100]);
});

it('weighs the next value 1 - decay in the exponential average', () => {
  expect(exponential(0.9).weight(1)).toBeCloseTo(0.1, 15);
  expect(exponential(0.9).weight(1000)).toBe(exponential(0.9).weight(1));
  expect(exponential(0).weight(1)).toBe(1);
  expect(exponential(1).weight(1)).toBe(0);
});

it('asks for a compensated accumulator from a decay of 0.9999 on', () => {
  expect([0.999, 0.9999, 0.99999].map((decay) => exponential(decay).isCompensated)).toEqual([
    false,
    true,
    true,
  ]);
});

it('refuses a decay outside [0, 1]', () => {
  for (const decay of [-0.1, 1.1, NaN]) expect(() => exponential(decay)).toThrow(RangeError);
});
