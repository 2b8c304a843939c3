// Options of averages, swaps and batch-norm updates that were right before they were changed.
import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel, bnUpdate, observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import type { Moments } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';
import { weights } from '../../../../tests/support/sgd.js';
import { fakeLayer } from '../support/batch-norm.js';

const backend = cpuBackend();
const ignore = (): void => undefined;

/** Right options of averages, in several forms. */
const OPTIONS = [
  { backend, rule: exponential(0.9), compensated: true, nonFinite: 'refuse', onWarning: ignore },
  { backend, averages: { ema: exponential(0.9), last: lastK(2) }, onWarning: ignore },
  { backend, rule: equal(), onUpdate: ignore, onWarning: ignore },
];

/** A batch of a pretended model. */
interface Batch {
  readonly samples: number;
  readonly moments: Moments;
}

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

describe('a fuzzer', () => {
  it(
    'finds no options of averages that are neither taken nor refused',
    async () => {
      await expectSurvival({
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
      // A batch is what the model makes of it, so that this is changed too.
      const bn = {
        layers,
        sampleCount: (batch?: Batch) => batch?.samples,
        batchMoments: (batch?: Batch) => [batch?.moments],
      };
      const moments = { mean: Float64Array.of(1), variance: Float64Array.of(2), count: 10 };
      const batchNorm = {
        model: bn,
        loader: [
          { samples: 2, moments },
          { samples: 3, moments },
        ],
        statistics: 'pooled',
        include: () => true,
        maxBatches: 1,
        nonFinite: 'skip',
        signal: { throwIfAborted: ignore },
        onWarning: ignore,
      };
      const { model: _, loader, ...options } = batchNorm;
      await expectSurvival({
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
        whole: [bn, ...layers, batchNorm.signal],
        async requireUnchanged() {
          if (model.isSwapped) await model.swap();
          expect(await state()).toBe(before);
        },
      });
    },
    FUZZ_TIMEOUT,
  );
});
