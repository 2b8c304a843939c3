// States that were right before they were changed.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import {
  AveragedModel,
  fromSafetensors,
  observedOptimizer,
  SWA,
  toSafetensors,
  toSafetensorsChunks,
} from '@polyak/core';
import type { StateTree } from '@polyak/core';
import {
  adaptState,
  fromAveragedModel,
  fromDiffusers,
  fromTorchcontrib,
  importAverage,
} from '@polyak/core/interop';
import { exponential, lastK } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';
import type { Call } from '../../../../tests/fuzz/survive.js';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';
import { weights } from '../../../../tests/support/sgd.js';
import { loose } from '../support/arguments.js';

const backend = cpuBackend();
const averages = { ema: exponential(0.9999), last: lastK(2) };
const options = { backend, averages, onWarning: () => undefined };

async function averagedModel() {
  const count = { dtype: 'int32', shape: [1], data: Int32Array.of(7) } as const;
  const parameters = [weights('w', [2]), weights('b', []), parameter('count', count)];
  const model = new AveragedModel(parameters, options);
  for (let update = 0; update < 3; update += 1) await model.update();
  return model;
}

async function averagedOptimizer() {
  const groups = [
    { params: [weights('w', [2])], lr: 0.1 },
    { params: [weights('b', [1])], lr: 0.2 },
  ];
  const swa = new SWA(observedOptimizer(groups), { ...options, swaStart: 1, swaFreq: 1 });
  for (let step = 0; step < 3; step += 1) await swa.step();
  return swa;
}

/** Keeps the state that an object had last, and requires that a refusal has not changed it. */
async function loadedBy(object: { stateDict(): Promise<StateTree> }) {
  const load = loose(object, 'loadStateDict');
  let before = canonical(await object.stateDict());
  return {
    async load(data: unknown) {
      await load(data);
      before = canonical(await object.stateDict());
    },
    async requireUnchanged() {
      expect(canonical(await object.stateDict())).toBe(before);
    },
  };
}

describe('a fuzzer', () => {
  it(
    'finds no state of an AveragedModel that is neither loaded nor refused',
    async () => {
      const model = await averagedModel();
      const loaded = await loadedBy(model);
      await expectSurvival({
        kind: 'states of AveragedModel',
        count: 2000,
        calls: [[[await model.stateDict()], loaded.load]],
        ...loaded,
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no state of an SWA that is neither loaded nor refused',
    async () => {
      const swa = await averagedOptimizer();
      const loaded = await loadedBy(swa);
      await expectSurvival({
        kind: 'states of SWA',
        count: 2000,
        calls: [[[await swa.stateDict()], loaded.load]],
        ...loaded,
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds nothing that is neither written as a state and read again, nor refused',
    async () => {
      const state = await (await averagedModel()).stateDict();
      await expectSurvival({
        kind: 'states to bytes',
        count: 1500,
        calls: [
          [[state], (data) => fromSafetensors(toSafetensors(data))],
          [[state], (data) => [...toSafetensorsChunks(data)]],
        ],
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no arguments of imports that are neither taken nor refused',
    async () => {
      const model = await averagedModel();
      const state = await model.stateDict();
      const imported = { swaState: state.averages['ema']?.swaState, nAvg: [3], stepCounter: [5] };
      const changes = {
        renamed: { w: 'w' },
        newParameters: { w: imported.swaState?.['w'] },
        droppedParameters: ['w'],
        changedRules: ['ema'],
        newAverages: ['last'],
        droppedAverages: ['last'],
      };
      const [w] = Object.values(imported.swaState ?? {});
      const one = { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) };
      const calls: readonly Call[] = [
        [[state, state, {}], adaptState],
        [[state, state, changes], adaptState],
        [[state, imported, { average: 'ema', ignore: () => true }], importAverage],
        [[{ n_averaged: one, 'module.w': w }], fromAveragedModel],
        [[{ optimization_step: one, 'shadow_params.0': w }, ['w']], fromDiffusers],
        [
          [
            {
              'param_groups.0.n_avg': one,
              'param_groups.0.step_counter': one,
              'param_groups.0.params': one,
              'swa_state.1.swa_buffer': w,
            },
            ['w'],
          ],
          fromTorchcontrib,
        ],
      ];
      await expectSurvival({
        kind: 'arguments of imports',
        count: 2000,
        calls,
      });
    },
    FUZZ_TIMEOUT,
  );
});
