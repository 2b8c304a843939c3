// Wrong arguments are TypeErrors that say what is expected, words that no option has RangeErrors,
// and wrong data errors with a code.
import { cpuBackend } from '@polyak/backend-cpu';
import { bnUpdate, fromSafetensors, observedOptimizer, toSafetensors } from '@polyak/core';
import { fromAveragedModel, fromDiffusers, fromTorchcontrib } from '@polyak/core/interop';
import { importAverage } from '@polyak/core/interop';
import { describe, expect, it } from 'vitest';
import { sgd, weights } from '../../../tests/support/sgd.js';
import {
  averaged,
  failure,
  loose,
  make,
  optimizer,
  options,
  parameters,
} from './support/arguments.js';
import { fakeLayer, fakeModel } from './support/batch-norm.js';

const backend = cpuBackend();

describe('a constructor', () => {
  it.each<[string, () => unknown, string]>([
    ['no options', () => make.model(parameters()), 'AveragedModel: the options are undefined'],
    ['options that are null', () => make.swa(optimizer(), null), 'SWA: the options are null'],
    ['a backend for the options', () => make.set(parameters(), backend), 'there is no option'],
    ['no backend', () => make.swa(optimizer(), {}), 'SWA: the backend is undefined'],
    [
      'null for a backend',
      () => make.model(parameters(), { backend: null }),
      'the backend is null',
    ],
    [
      'a function for a backend',
      () => make.model(parameters(), { backend: cpuBackend }),
      'the backend is a function. ',
    ],
    [
      'a runtime for a backend',
      () => make.set(parameters(), { backend: { tensor() {} } }),
      'whose av',
    ],
    ['an unknown option', () => make.model(parameters(), { ...options, decay: 0.9 }), '"decay"'],
    [
      'the option of an old version',
      () => make.swa(optimizer(), { ...options, isCompensated: true }),
      'there is no option "isCompensated". Expected { backend, rule, averages, compensated,',
    ],
    ['rule: null', () => make.model(parameters(), { ...options, rule: null }), 'is null'],
    ["rule: 'ema'", () => make.model(parameters(), { ...options, rule: 'ema' }), 'is "ema"'],
    ['a number for averages', () => make.swa(optimizer(), { ...options, averages: 3 }), 'is 3'],
    ['null for averages', () => make.swa(optimizer(), { ...options, averages: null }), 'is null'],
    [
      'a word for compensated',
      () => make.swa(optimizer(), { ...options, compensated: 'no' }),
      '"no"',
    ],
    [
      'no function for onUpdate',
      () => make.model(parameters(), { ...options, onUpdate: 1 }),
      'is 1',
    ],
    [
      'no function for onWarning',
      () => make.set(parameters(), { ...options, onWarning: 1 }),
      'is 1',
    ],
    [
      'no optimizer',
      () => make.swa(undefined, options),
      'SWA: the optimizer is undefined. Wrap it',
    ],
    ['a raw object for it', () => make.swa({ minimize() {} }, options), 'Wrap it with'],
    [
      'an optimizer without state',
      () => make.swa({ paramGroups: [], step() {}, addParamGroup() {} }, options),
      'SWA: the optimizer is an object whose stateDict is undefined, expected a function',
    ],
    [
      'groups of null',
      () => make.swa({ ...sgd([]), paramGroups: [null] }, options),
      'group is null',
    ],
    [
      'groups without lr',
      () => make.swa({ ...sgd([]), paramGroups: [{ params: [] }] }, options),
      'lr',
    ],
    ['no parameters', () => make.model(undefined, options), 'The parameters are undefined'],
    ['one parameter', () => make.model(weights('w', [1]), options), 'The parameters are an object'],
    ['a source of nothing', () => make.set(() => {}, options), 'The parameters are undefined'],
    [
      'null among parameters',
      () => make.set([null], options),
      'Parameter 0 is null. Make it with the backend',
    ],
    [
      'a parameter without identity',
      () => make.model([{ ...weights('w', [1]), identity: undefined }], options),
      'Parameter 0 has the identity undefined, expected an object',
    ],
    ...[
      null,
      { memory: null, byteOffset: 0, byteLength: 4 },
      { memory: {}, byteOffset: -4, byteLength: 4 },
      { memory: {}, byteOffset: 0, byteLength: -4 },
    ].map((identity): [string, () => unknown, string] => [
      `the identity ${JSON.stringify(identity)}`,
      () => make.model([{ ...weights('w', [1]), identity }], options),
      'Parameter 0 has the identity',
    ]),
    [
      'an identity without memory',
      () =>
        make.model(
          [{ ...weights('w', [1]), identity: { memory: 3, byteOffset: 0, byteLength: 4 } }],
          options,
        ),
      'Parameter 0 has the identity an object, expected an object, or { memory',
    ],
    [
      'a parameter that gives no tensor',
      () => make.model([{ ...weights('w', [1]), get: () => undefined }], options),
      '"w" is undefined, expected a tensor of the backend',
    ],
    [
      'a parameter that gives bare numbers',
      () => make.set([{ ...weights('w', [2]), get: () => Float32Array.of(1, 2) }], options),
      '"w" is an object, expected a tensor of the backend',
    ],
    [
      'no groups to observe',
      () => loose({ observedOptimizer }, 'observedOptimizer')(),
      'groups are',
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });
});

describe('a method', () => {
  it.each<[string, string, readonly unknown[], string]>([
    [
      'model',
      'withAveraged',
      [],
      'withAveraged: the first argument is undefined, expected a function',
    ],
    [
      'model',
      'withAveraged',
      [() => 0, 'ema'],
      'options are "ema". Expected { average, batchNorm }',
    ],
    ['model', 'withAveraged', [() => 0, { recallable: true }], 'no option "recallable"'],
    ['model', 'withAveraged', [() => 0, {}, 'ema'], 'withAveraged: 3 arguments, expected 2'],
    ['swa', 'withAveraged', [() => 0, undefined, 'ema'], 'withAveraged: 3 arguments, expected 2'],
    ['model', 'update', ['ema'], 'update: 1 argument, expected none'],
    ['swa', 'updateSwa', ['ema'], 'updateSwa: 1 argument, expected none'],
    ['model', 'withAveraged', [() => 0, null], 'withAveraged: the options are null'],
    ['model', 'withAveraged', [() => 0, { batchNorm: {} }], 'withAveraged: batchNorm: the model'],
    ['model', 'withAveraged', [() => 0, { batchNorm: { model: fakeModel([]) } }], 'the loader is'],
    ['model', 'swap', ['ema'], 'swap: the options are "ema"'],
    ['swa', 'swapSwaSgd', ['ema'], 'swapSwaSgd: the options are "ema". Expected { average,'],
    ['swa', 'swapSwaSgd', [null], 'swapSwaSgd: the options are null'],
    ['swa', 'swapSwaSgd', [{ name: 'ema' }], 'there is no option "name"'],
    ['swa', 'swapSwaSgd', [{ recallable: 'x' }], 'recallable is "x", expected a boolean'],
    ['model', 'dispose', ['averages'], 'dispose: the options are "averages"'],
    ['swa', 'step', [5], 'step: the closure is 5, expected a function'],
    ['swa', 'updateSwaGroup', [undefined, 0], 'updateSwaGroup: 2 arguments, expected 1'],
    ['swa', 'withStateDict', [() => 0, 0], 'withStateDict: 2 arguments, expected 1'],
    ['swa', 'updateSwaGroup', [undefined], 'not one of swa.paramGroups'],
    ['swa', 'addParamGroup', [undefined], 'a parameter group is undefined'],
    ['swa', 'addParamGroup', [{ params: [] }], 'Pass { params: [...], lr: 0.1 }'],
    ['set', 'write', [undefined], 'write: the weights are undefined'],
    ['set', 'write', [[1, 2]], 'write: the weights are an array'],
    ['set', 'withWeights', [{}, 5], 'withWeights: the second argument is 5, expected a function'],
    ['set', 'withWeights', [null, () => 0], 'the weights are null'],
    ['set', 'withWeights', [{}, () => 0, 'x'], 'withWeights: the options are "x"'],
    ['set', 'withCopy', [undefined, () => 0], 'withCopy: the tensors are undefined'],
    ['set', 'withCopy', [[null], () => 0], 'withCopy: tensor 0 is null, expected a tensor of the'],
    ['set', 'withCopy', [[[1, 2]], () => 0], 'withCopy: tensor 0 is an array, expected a tensor'],
  ])('of %s, %s, refuses %j', async (object, method, given, message) => {
    const objects = await averaged();
    const error = await failure(() =>
      loose(objects[object as keyof typeof objects], method)(...given),
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
    expect([objects.model.isSwapped, objects.swa.isSwapped]).toEqual([false, false]);
  });

  it('refuses options while swapped too, where they would be ignored', async () => {
    const { swa } = await averaged();
    await swa.swapSwaSgd();
    await expect(loose(swa, 'swapSwaSgd')('ema')).rejects.toThrow('the options are "ema"');
    expect(swa.isSwapped).toBe(true);
    await swa.swapSwaSgd();
  });
});

describe('a function', () => {
  const state = { averages: {}, paramGroups: [] };
  const imported = { swaState: {}, nAvg: [1] };

  it.each<[string, object, readonly unknown[], string]>([
    ['bnUpdate', { bnUpdate }, [], 'bnUpdate: the model is undefined'],
    [
      'bnUpdate',
      { bnUpdate },
      [[], {}],
      'bnUpdate: the model is an object whose layers is undefined',
    ],
    ['bnUpdate', { bnUpdate }, [[], fakeModel([null as never])], 'a layer of the model is null'],
    ['bnUpdate', { bnUpdate }, [5, fakeModel([fakeLayer('bn')])], 'bnUpdate: the loader is 5'],
    ['bnUpdate', { bnUpdate }, [[], fakeModel([]), { momentum: 1 }], 'no option "momentum"'],
    ['bnUpdate', { bnUpdate }, [[], fakeModel([]), null], 'bnUpdate: the options are null'],
    ['bnUpdate', { bnUpdate }, [[], fakeModel([]), { include: 1 }], 'include is 1, expected a fun'],
    ['importAverage', { importAverage }, [], 'importAverage: the state is undefined'],
    ['importAverage', { importAverage }, [state], 'importAverage: the average is undefined'],
    ['importAverage', { importAverage }, [state, { nAvg: 3 }], 'Pass { swaState, nAvg: [...] }'],
    ['importAverage', { importAverage }, [state, imported, 'ema'], 'the options are "ema"'],
    [
      'fromAveragedModel',
      { fromAveragedModel },
      [],
      'fromAveragedModel: the tensors are undefined',
    ],
    ['fromDiffusers', { fromDiffusers }, [{}], 'fromDiffusers: the names are undefined'],
    ['fromTorchcontrib', { fromTorchcontrib }, [{}], 'fromTorchcontrib: the names are undefined'],
    ['toSafetensors', { toSafetensors }, [], 'toSafetensors: the state is of type undefined'],
    ['fromSafetensors', { fromSafetensors }, ['x'], 'expected a Uint8Array'],
  ])('%s refuses wrong arguments', async (name, module, given, message) => {
    const error = await failure(() => loose(module, name)(...given));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
  });
});

it.each<[string, () => unknown, string]>([
  [
    'nonFinite of a constructor',
    () => make.model(parameters(), { ...options, nonFinite: 'ignore' }),
    'AveragedModel: nonFinite is "ignore", expected "refuse", "skip" or "allow".',
  ],
  [
    'nonFinite of bnUpdate',
    () => loose({ bnUpdate }, 'bnUpdate')([], fakeModel([]), { nonFinite: null }),
    'bnUpdate: nonFinite is null, expected "refuse", "skip" or "allow".',
  ],
  [
    'statistics',
    () => loose({ bnUpdate }, 'bnUpdate')([], fakeModel([]), { statistics: ['pooled'] }),
    'bnUpdate: statistics is an array, expected "cumulative", "unweighted" or "pooled".',
  ],
  [
    'keep',
    async () => loose((await averaged()).swa, 'dispose')({ keep: 'all' }),
    'dispose: keep is "all", expected "live" or "averages".',
  ],
])('%s is one of its words, or a RangeError', async (_, call, message) => {
  const error = await failure(call);
  expect(error).toBeInstanceOf(RangeError);
  expect(String(error)).toBe(`RangeError: ${message}`);
});
