// Arguments of rules that were right before they were changed.
import {
  debiasedExponential,
  decayWeights,
  exponential,
  exponentialWeights,
  gammaOf,
  halfLife,
  lastK,
  postHocWeights,
  powerFunction,
  powerWarmUp,
  rationalWarmUp,
  saturatingWarmUp,
} from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';

/** Takes the first weights of a rule. */
function weigh(rule: AveragingRule): void {
  const weights = rule.kind === 'moving' ? [1, 2, 1000].map((nAvg) => rule.weight(nAvg)) : [];
  for (const weight of weights) expect(weight).toBeGreaterThan(-1);
}

describe('a fuzzer', () => {
  it(
    'finds no arguments of rules that are neither taken nor refused',
    async () => {
      const warmUp = { maxDecay: 0.9, minDecay: 0.1, power: 0.5, inverseGamma: 2 };
      const profiles = [
        { step: 10, gamma: 7 },
        { step: 20, gamma: 7 },
      ];
      const rules: readonly (readonly [unknown[], (...given: never[]) => AveragingRule])[] = [
        [[0.9], exponential],
        [[100], halfLife],
        [[0.9], debiasedExponential],
        [[warmUp], powerWarmUp],
        [[0.9], rationalWarmUp],
        [[0.9, 100], saturatingWarmUp],
        [[1], powerFunction],
        [[3], lastK],
      ];
      await expectSurvival({
        kind: 'arguments of rules',
        count: 1500,
        calls: [
          ...rules.map(
            ([given, rule]) => [given, (...args: never[]) => weigh(rule(...args))] as const,
          ),
          [[0.1], gammaOf],
          [['linear', 4], decayWeights],
          [[(share: number) => 1 - share, 4], decayWeights],
          [[0.5, 4], exponentialWeights],
          [[profiles, { step: 20, gamma: 6 }], postHocWeights],
        ],
      });
    },
    FUZZ_TIMEOUT,
  );
});
