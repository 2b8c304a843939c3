// Averaging rules: each against its published form, written out in float64.
import {
  debiasedExponential,
  equal,
  exponential,
  halfLife,
  lastK,
  powerFunction,
  powerWarmUp,
  rationalWarmUp,
  saturatingWarmUp,
} from '@polyak/core/rules';
import type { MovingRule } from '@polyak/core/rules';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const VALUES = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), {
  minLength: 1,
  maxLength: 60,
});

/** The average as SWA forms it: the first value is copied. */
function averageBy(rule: MovingRule, values: readonly number[]): number {
  return values.reduce(
    (average, value, n) => (n === 0 ? value : average + rule.weight(n) * (value - average)),
    0,
  );
}

/** The decay of the update after `n` others. */
function decay(rule: MovingRule, n: number): number {
  return 1 - rule.weight(n);
}

describe('equal', () => {
  it('weighs the next of n + 1 values 1 / (n + 1)', () => {
    expect([1, 2, 3, 99].map((n) => equal().weight(n))).toEqual([1 / 2, 1 / 3, 1 / 4, 1 / 100]);
  });
});

describe('exponential', () => {
  it('weighs the next value 1 - decay', () => {
    expect(exponential(0.9).weight(1)).toBeCloseTo(0.1, 15);
    expect(exponential(0.9).weight(1000)).toBe(exponential(0.9).weight(1));
    expect(exponential(0).weight(1)).toBe(1);
    expect(exponential(1).weight(1)).toBe(0);
  });

  it('by half-life lets a value weigh half as much after so many updates', () => {
    expect(decay(halfLife(10), 1) ** 10).toBeCloseTo(0.5, 14);
    expect(halfLife(1).weight(5)).toBeCloseTo(0.5, 15);
    expect(() => halfLife('5' as never)).toThrow('is a string, expected a number');
  });
});

describe('debiasedExponential', () => {
  it('is the equal average at a decay of 1', () => {
    for (const n of [1, 2, 99]) {
      expect(debiasedExponential(1).weight(n)).toBeCloseTo(equal().weight(n), 15);
    }
  });

  it('weighs as its equation says', () => {
    const rule = debiasedExponential(0.5);
    expect([1, 2, 3].map((n) => rule.weight(n))).toEqual(
      [2 / 3, 4 / 7, 8 / 15].map((weight) => expect.closeTo(weight, 15) as number),
    );
  });

  it('is the weighted mean in which the value of k updates ago weighs decay ** k', () => {
    fc.assert(
      fc.property(VALUES, fc.double({ min: 0, max: 1, noNaN: true }), (values, d) => {
        const weights = values.map((_, n) => d ** (values.length - 1 - n));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const mean = values.reduce((sum, value, n) => sum + (value * (weights[n] ?? 0)) / total, 0);
        expect(averageBy(debiasedExponential(d), values)).toBeCloseTo(mean, 9);
      }),
    );
  });
});

describe('powerWarmUp', () => {
  it('reaches the decays that timm and ema-pytorch name at their numbers of updates', () => {
    expect(decay(powerWarmUp({ power: 2 / 3 }), 31_622)).toBeCloseTo(0.999, 6);
    expect(decay(powerWarmUp({ power: 2 / 3 }), 1_000_000)).toBeCloseTo(0.9999, 8);
    expect(decay(powerWarmUp({ power: 3 / 4 }), 10_000)).toBeCloseTo(0.999, 6);
    expect(decay(powerWarmUp({ power: 3 / 4 }), 215_443)).toBeCloseTo(0.9999, 8);
  });

  it('stays between its bounds', () => {
    const rule = powerWarmUp({ maxDecay: 0.9, minDecay: 0.5 });
    expect([1, 10_000].map((n) => decay(rule, n))).toEqual([0.5, 0.9]);
    expect(decay(powerWarmUp({ inverseGamma: 5 }), 5)).toBeCloseTo(1 - 2 ** (-2 / 3), 15);
  });
});

it('rationalWarmUp is (1 + n) / (10 + n) up to the decay', () => {
  expect([1, 90, 1e6].map((n) => decay(rationalWarmUp(0.99), n))).toEqual([
    expect.closeTo(2 / 11, 15),
    expect.closeTo(0.91, 15),
    0.99,
  ]);
});

it('saturatingWarmUp is decay * (1 - exp(-n / updates))', () => {
  expect(decay(saturatingWarmUp(0.9999), 2000)).toBeCloseTo(0.9999 * (1 - Math.exp(-1)), 15);
  expect(decay(saturatingWarmUp(0.5, 10), 1000)).toBeCloseTo(0.5, 15);
});

it('powerFunction lets update n weigh nearly n ** gamma', () => {
  // Karras et al. define beta = (1 - 1/t) ** (gamma + 1), whose profile is the power in the limit.
  const [gamma, n] = [6.94, 4000];
  for (const at of [1000, 2000, 3500]) {
    const share = averageBy(
      powerFunction(gamma),
      Array.from({ length: n }, (_, index) => (index === at ? 1 : 0)),
    );
    expect(share * n).toBeCloseTo((gamma + 1) * (at / n) ** gamma, 1);
  }
  expect(powerFunction(0).weight(9)).toBeCloseTo(equal().weight(9), 15);
});

it('asks for a compensated accumulator where the decay can come to 0.9999', () => {
  expect([0.999, 0.9999, 0.99999].map((d) => exponential(d).compensated)).toEqual([
    false,
    true,
    true,
  ]);
  const rules = [powerWarmUp(), rationalWarmUp(0.9999), saturatingWarmUp(0.9999), halfLife(1e5)];
  expect(rules.map(({ compensated }) => compensated)).toEqual([true, true, true, true]);
});

it('weighs within [0, 1], and keeps what is rounded from growing past it', () => {
  const rules = [
    equal(),
    debiasedExponential(1 - 2 ** -53),
    powerWarmUp(),
    rationalWarmUp(1),
    powerFunction(1e6),
  ];
  for (const rule of rules) {
    for (const n of [1, 2, 1000, 1e9, 2 ** 53]) {
      expect(rule.weight(n)).toBeGreaterThanOrEqual(0);
      expect(rule.weight(n)).toBeLessThanOrEqual(1);
    }
  }
});

it('names its numbers, so that states of two rules are told apart', () => {
  const names = [
    equal(),
    exponential(0.9),
    halfLife(3),
    debiasedExponential(0.9),
    powerWarmUp(),
    powerWarmUp({ power: 3 / 4 }),
    powerWarmUp({ minDecay: 0.1 }),
    powerWarmUp({ inverseGamma: 2 }),
    rationalWarmUp(0.9),
    saturatingWarmUp(0.9),
    saturatingWarmUp(0.9, 100),
    powerFunction(1),
    lastK(3),
    lastK(4),
  ].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it.each<[string, () => unknown]>([
  ['a decay below 0', () => exponential(-0.1)],
  ['a decay above 1', () => debiasedExponential(1.1)],
  ['a decay that is NaN', () => rationalWarmUp(NaN)],
  ['a half-life of 0', () => halfLife(0)],
  ['a half-life in which nothing moves', () => halfLife(1e20)],
  ['a power of 0', () => powerWarmUp({ power: 0 })],
  ['an inverseGamma of 0', () => powerWarmUp({ inverseGamma: 0 })],
  ['a minDecay below 0', () => powerWarmUp({ minDecay: -0.1 })],
  ['a minDecay above maxDecay', () => powerWarmUp({ minDecay: 0.9, maxDecay: 0.8 })],
  ['no updates to saturate in', () => saturatingWarmUp(0.9, 0)],
  ['a gamma of -1', () => powerFunction(-1)],
  ['a gamma without end', () => powerFunction(Infinity)],
  ['a window of none', () => lastK(0)],
  ['half a window', () => lastK(1.5)],
])('refuses %s', (_, make) => {
  expect(make).toThrow(RangeError);
});

it.each<[string, () => unknown]>([
  ['a minDecay that is the maxDecay', () => powerWarmUp({ minDecay: 0.8, maxDecay: 0.8 })],
  ['a window of one', () => lastK(1)],
])('takes %s', (_, make) => {
  expect(make).not.toThrow();
});

it.each([
  ['text', '0.9'],
  ['a list', [0.9]],
])('refuses %s for a decay', (_, given) => {
  expect(() => exponential(given as never)).toThrow(TypeError);
  expect(() => exponential(given as never)).toThrow('expected a number');
});
