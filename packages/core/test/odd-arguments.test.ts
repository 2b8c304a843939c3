// Whatever is passed, the error says what was expected.
import { inspect } from 'node:util';
import { bnUpdate, fromSafetensors, observedOptimizer, toSafetensors } from '@polyak/core';
import { fromAveragedModel, fromDiffusers, fromTorchcontrib } from '@polyak/core/interop';
import { importAverage } from '@polyak/core/interop';
import { describe, expect, it } from 'vitest';
import { averaged, failure, loose, make } from './support/arguments.js';

describe('whatever is passed', () => {
  const ODD = [undefined, null, 0, NaN, 'text', true, Symbol('s'), 5n, [], {}, () => {}, [null]];
  const METHODS: readonly (readonly ['model' | 'swa' | 'set', string])[] = [
    ['model', 'withAveraged'],
    ['model', 'swap'],
    ['model', 'loadStateDict'],
    ['swa', 'step'],
    ['swa', 'updateSwaGroup'],
    ['swa', 'swapSwaSgd'],
    ['swa', 'withAveraged'],
    ['swa', 'addParamGroup'],
    ['swa', 'loadStateDict'],
    ['set', 'write'],
    ['set', 'withWeights'],
    ['set', 'withCopy'],
  ];

  /** Errors of the engine, which say nothing of what was expected. */
  const RAW =
    /cannot (read|destructure)|is not a function|is not iterable|not an object|in operator|conver/i;

  it.each(METHODS)('to %s.%s, the message says what is expected', async (object, method) => {
    for (const first of ODD) {
      for (const second of ODD) {
        const target = (await averaged())[object];
        const error = await failure(() => loose(target, method)(first, second));
        expect(String(error), `${inspect(first)}, ${inspect(second)}`).not.toMatch(RAW);
      }
    }
  });

  it('to a constructor or a function, the message says what is expected', async () => {
    const calls: ((...given: readonly unknown[]) => unknown)[] = [
      ...Object.values(make),
      (...given) => loose({ bnUpdate }, 'bnUpdate')(...given),
      (...given) => loose({ importAverage }, 'importAverage')(...given),
      (...given) => loose({ fromAveragedModel }, 'fromAveragedModel')(...given),
      (...given) => loose({ fromDiffusers }, 'fromDiffusers')(...given),
      (...given) => loose({ fromTorchcontrib }, 'fromTorchcontrib')(...given),
      (...given) => loose({ observedOptimizer }, 'observedOptimizer')(...given),
      (...given) => loose({ toSafetensors }, 'toSafetensors')(...given),
      (...given) => loose({ fromSafetensors }, 'fromSafetensors')(...given),
    ];
    for (const call of calls) {
      for (const first of ODD) {
        for (const second of ODD) {
          const error = await failure(() => call(first, second));
          expect(String(error), `${inspect(first)}, ${inspect(second)}`).not.toMatch(RAW);
        }
      }
    }
  });
});
