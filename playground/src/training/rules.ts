// The averaging rules that a visitor can choose. All three averages are kept all the time.
import type { AveragingRule } from '@polyak/core/rules';
import { equal, exponential, powerFunction } from '@polyak/core/rules';

export const rules = {
  equal: equal(),
  exponential: exponential(0.9),
  power: powerFunction(6.94),
} satisfies Readonly<Record<string, AveragingRule>>;

export type RuleName = keyof typeof rules;
