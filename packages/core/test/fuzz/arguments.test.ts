// Options, rules and other arguments that were right before they were changed.
import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel, bnUpdate, observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import {
  debiasedExponential,
  decayWeights,
  equal,
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
import { requireSurvival } from '../../../../tests/fuzz/survive.js';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';
import { weights } from '../../../../tests/support/sgd.js';
import { fakeLayer, fakeModel } from '../support/batch-norm.js';

const backend = cpuBackend();
const ignore = (): void => undefined;

/** Right options of averages, in several forms. */
const OPTIONS = [
  { backend, rule: exponential(0.9), compensated: true, nonFinite: 'refuse', onWarning: ignore },
  { backend, averages: { ema: exponential(0.9), last: lastK(2) }, onWarning: ignore },
  { backend, rule: equal(), onUpdate: ignore, onWarning: ignore },
];

/** Averages twice by these options, and gives the averages up. */
async function averageBy(options: never): Promise<void> {
  const model = new AveragedModel([weights('w', [2])], options);
  await model.update();
  await model.update();
  await model.stateDict();
  await model.dispose();
}

async function stepBy(options: never): Promise<void> {
  const swa = new SWA(observedOptimizer([{ params: [weights('w', [2])], lr: 0.1 }]), options);
  await swa.step();
  await swa.step();
  await swa.stateDict();
  await swa.dispose();
}

/** Takes the first weights of a rule. */
function weigh(rule: AveragingRule): void {
  if (rule.kind === 'moving')
    for (const nAvg of [1, 2, 1000]) expect(rule.weight(nAvg)).toBeGreaterThan(-1);
}

describe('a fuzzer', () => {
  it(
    'finds no options of averages that are neither taken nor refused',
    async () => {
      await requireSurvival({
        kind: 'options of averages',
        count: 2000,
        calls: [
          ...OPTIONS.map((options) => [[options], averageBy] as const),
          ...OPTIONS.map(
            (options) => [[{ ...options, swaStart: 1, swaFreq: 1, swaLr: 0.5 }], stepBy] as const,
          ),
          [
            [{ backend, onWarning: ignore }],
            (options) => new ParameterSet([weights('w', [2])], options),
          ],
        ],
        whole: [backend],
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no options of a swap that are neither taken nor refused',
    async () => {
      const averages = { ema: exponential(0.9), last: lastK(2) };
      const weight = weights('w', [2]);
      const model = new AveragedModel([weight], { backend, averages });
      await model.update();
      const state = async (): Promise<string> =>
        `${canonical(weight.get())} ${canonical(await model.stateDict())}`;
      const before = await state();
      const layers = [fakeLayer('bn')];
      const bn = { ...fakeModel(layers), sampleCount: () => 2 };
      const batchNorm = {
        model: bn,
        loader: [1, 2],
        statistics: 'pooled',
        include: () => true,
        maxBatches: 1,
        nonFinite: 'skip',
        onWarning: ignore,
      };
      const { model: _, loader, ...options } = batchNorm;
      await requireSurvival({
        kind: 'options of swaps and batch-norm updates',
        count: 1500,
        calls: [
          [
            [{ average: 'last', batchNorm }],
            async (given) => {
              await model.swap(given);
              await model.swap();
            },
          ],
          [[() => 1, { average: 'ema', batchNorm }], (fn, given) => model.withAveraged(fn, given)],
          [[loader, bn, options], bnUpdate],
        ],
        whole: [bn, ...layers],
        async requireUnchanged() {
          if (model.isSwapped) await model.swap();
          expect(await state()).toBe(before);
        },
      });
    },
    FUZZ_TIMEOUT,
  );

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
      await requireSurvival({
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
