// Every averaging rule, with its formula written out again.
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
import type { AveragingRule } from '@polyak/core/rules';

/** A rule, and what it must do. */
interface TrueRule {
  readonly rule: AveragingRule;
  /** The weight of the live weights after `n` updates. */
  readonly weight: (n: number) => number;
  /** How many values are in the mean, of a rule that keeps them. */
  readonly window?: number;
}

export type RuleName =
  | 'equal'
  | 'exponential'
  | 'compensated'
  | 'halfLife'
  | 'debiased'
  | 'power'
  | 'rational'
  | 'saturating'
  | 'powerFunction'
  | 'last';

export const RULES: Readonly<Record<RuleName, TrueRule>> = {
  equal: { rule: equal(), weight: (n) => 1 / (n + 1) },
  exponential: { rule: exponential(0.9), weight: () => 0.1 },
  compensated: { rule: exponential(0.9999), weight: () => 0.0001 },
  halfLife: { rule: halfLife(3), weight: () => 1 - Math.cbrt(0.5) },
  debiased: { rule: debiasedExponential(0.8), weight: (n) => 0.2 / (1 - 0.8 ** (n + 1)) },
  power: {
    rule: powerWarmUp({ maxDecay: 0.9 }),
    weight: (n) => Math.max(0.1, (1 + n) ** (-2 / 3)),
  },
  rational: { rule: rationalWarmUp(0.6), weight: (n) => Math.max(0.4, 9 / (10 + n)) },
  saturating: {
    rule: saturatingWarmUp(0.95, 10),
    weight: (n) => 1 - 0.95 * (1 - Math.exp(-n / 10)),
  },
  powerFunction: { rule: powerFunction(3), weight: (n) => 1 - (n / (n + 1)) ** 4 },
  last: { rule: lastK(3), weight: () => 1, window: 3 },
};
