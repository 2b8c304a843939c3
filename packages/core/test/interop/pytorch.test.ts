// Averages of other libraries: SWA goes on from them as they would have gone on.
import { readFileSync } from 'node:fs';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { NamedTensors, SWAOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import {
  fromAveragedModel,
  fromDiffusers,
  fromTorchcontrib,
  importAverage,
} from '@polyak/core/interop';
import type { ImportedAverage, ImportOptions } from '@polyak/core/interop';
import { equal, exponential, lastK } from '@polyak/core/rules';
import { decodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { fill, read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function int64(...values: number[]): HostTensor {
  return { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function float32(...values: number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

function swaOf(
  groups: readonly (readonly Parameter<HostTensor>[])[],
  options: Partial<SWAOptions<HostTensor>> = {},
): SWA<HostTensor> {
  return new SWA(sgd(groups.map((params) => ({ params, lr: 0.1 }))), { backend, ...options });
}

/** Lets `swa` go on from an average of another library. */
async function adopt(
  swa: SWA<HostTensor>,
  imported: ImportedAverage,
  options?: ImportOptions,
): Promise<void> {
  await swa.loadStateDict(importAverage(await swa.stateDict(), imported, options));
}

describe('fromAveragedModel', () => {
  const file = decodeSafetensors(
    readFileSync(new URL('../fixtures/averaged-model.safetensors', import.meta.url)),
  );
  const part = (prefix: string): NamedTensors =>
    Object.fromEntries(
      Object.entries(file.tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  const [three, live, four] = [part('three.'), part('live.'), part('four.')];

  it('goes on as torch does: the next update of parameters and integer buffers', async () => {
    const cells = Object.entries(live)
      .filter(([name]) => !name.includes('running'))
      .map(([name, tensor]) => parameter(name, tensor));
    const swa = swaOf([cells]);
    const imported = fromAveragedModel(three);
    expect(imported.nAvg).toEqual([3]);
    await adopt(swa, imported, { ignore: (name) => name.includes('running') });
    await swa.updateSwa();
    const { averages } = await swa.stateDict();
    expect(averages['swa']?.nAvg).toEqual([4]);
    expect(Object.keys(averages['swa']?.swaState ?? {}).toSorted()).toEqual([
      '0.bias',
      '0.weight',
      '1.bias',
      '1.num_batches_tracked',
      '1.weight',
    ]);
    for (const [name, { data }] of Object.entries(averages['swa']?.swaState ?? {})) {
      const expected = four[`module.${name}`]?.data ?? [];
      data.forEach((value, index) => expect(Number(value)).toBeCloseTo(Number(expected[index]), 6));
    }
    expect(Number(averages['swa']?.swaState['1.num_batches_tracked']?.data[0])).toBe(4);
  });

  it('refuses names that are missing or too many, and nothing changes', async () => {
    const swa = swaOf([
      [parameter('0.weight', live['0.weight'] as HostTensor), weights('other', [1])],
    ]);
    await swa.updateSwa();
    const before = await swa.stateDict();
    await expect(adopt(swa, fromAveragedModel(three))).rejects.toThrow(
      /it lacks "other"; .*no parameter is named "0\.bias"; no parameter is named "1\.bias"/,
    );
    expect(await swa.stateDict()).toEqual(before);
  });

  it('refuses other shapes', async () => {
    const swa = swaOf([[weights('0.weight', [6])]]);
    const ignore = (name: string): boolean => name !== '0.weight';
    await expect(adopt(swa, fromAveragedModel(three), { ignore })).rejects.toThrow(
      '"0.weight" is float32[2,3], expected float32[6]',
    );
  });

  it('refuses an ignore that is no function, and reads it once', async () => {
    const swa = swaOf([[weights('0.weight', [2, 3])]]);
    await expect(adopt(swa, fromAveragedModel(three), { ignore: 5 as never })).rejects.toThrow(
      'importAverage: ignore is 5, expected a function.',
    );
    let reads = 0;
    const options = {
      get ignore() {
        reads += 1;
        return (name: string): boolean => name !== '0.weight';
      },
    };
    await adopt(swa, fromAveragedModel(three), options);
    expect(reads).toBe(1);
  });

  it('refuses files of another form', () => {
    expect(() => fromAveragedModel({ 'module.w': float32(1) })).toThrow(
      'the file has no "n_averaged"',
    );
    expect(() => fromAveragedModel({ n_averaged: int64(1) })).toThrow('begins with "module."');
    expect(() => fromAveragedModel({ n_averaged: int64(-1), 'module.w': float32(1) })).toThrow(
      'integers >= 0',
    );
  });

  it('takes half precision as float32', () => {
    const half: HostTensor = { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3e00) };
    expect(fromAveragedModel({ n_averaged: int64(1), 'module.w': half }).swaState).toEqual({
      w: float32(1.5),
    });
  });
});

describe('fromTorchcontrib', () => {
  const file = {
    'swa_state.0.swa_buffer': float32(3),
    'swa_state.1.swa_buffer': float32(5),
    'param_groups.0.params': int64(1),
    'param_groups.0.n_avg': int64(2),
    'param_groups.0.step_counter': int64(9),
    'param_groups.1.params': int64(0),
    'param_groups.1.n_avg': int64(1),
    'param_groups.1.step_counter': int64(4),
  };

  it('goes on with each group from its own counters', async () => {
    const [a, b] = [weights('a', [1]), weights('b', [1])];
    const swa = swaOf([[a], [b]]);
    await adopt(swa, fromTorchcontrib(file, ['a', 'b']));
    expect(swa.paramGroups.map(({ nAvg, stepCounter }) => [nAvg, stepCounter])).toEqual([
      [2, 9],
      [1, 4],
    ]);
    for (const cell of [a, b]) fill(cell, 11);
    await swa.updateSwa();
    await swa.swapSwaSgd();
    expect([a, b].map(read)).toEqual([[7], [7]]);
  });

  it('refuses another number of names or groups, and a buffer that is not there', async () => {
    expect(() => fromTorchcontrib(file, ['a'])).toThrow('the file has 2 parameters, expected 1');
    const swa = swaOf([[weights('a', [1]), weights('b', [1])]]);
    await expect(adopt(swa, fromTorchcontrib(file, ['a', 'b']))).rejects.toThrow(
      'it has 2 parameter groups, expected 1',
    );
    const { 'swa_state.1.swa_buffer': _, ...rest } = file;
    expect(() => fromTorchcontrib(rest, ['a', 'b'])).toThrow(
      'the file has no "swa_state.1.swa_buffer"',
    );
  });
});

describe('fromTorchcontrib, of groups that were never averaged', () => {
  it('leaves them to begin', async () => {
    const file = {
      'swa_state.0.swa_buffer': float32(3),
      'param_groups.0.params': int64(0),
      'param_groups.0.n_avg': int64(2),
      'param_groups.0.step_counter': int64(9),
      'param_groups.1.params': int64(1),
      'param_groups.1.n_avg': int64(0),
      'param_groups.1.step_counter': int64(1),
    };
    const [a, b] = [weights('a', [1]), weights('b', [1])];
    const swa = swaOf([[a], [b]]);
    await adopt(swa, fromTorchcontrib(file, ['a', 'b']));
    expect(swa.paramGroups.map(({ nAvg, stepCounter }) => [nAvg, stepCounter])).toEqual([
      [2, 9],
      [0, 1],
    ]);
    for (const cell of [a, b]) fill(cell, 6);
    await swa.updateSwa();
    await swa.withAveraged(() => expect([a, b].map(read)).toEqual([[4], [6]]));
  });
});

describe('fromDiffusers', () => {
  const file = {
    'shadow_params.0': float32(1),
    'shadow_params.1': float32(2),
    optimization_step: int64(100),
  };

  it('goes on under the rule of the SWA', async () => {
    const [a, b] = [weights('a', [1]), weights('b', [1])];
    const swa = swaOf([[a, b]], { averages: { swa: equal(), ema: exponential(0.5) } });
    await adopt(swa, fromDiffusers(file, ['a', 'b']), { average: 'ema' });
    for (const cell of [a, b]) fill(cell, 5);
    await swa.updateSwa();
    await swa.withAveraged(() => expect([a, b].map(read)).toEqual([[3], [3.5]]), {
      average: 'ema',
    });
    await swa.withAveraged(() => expect([a, b].map(read)).toEqual([[5], [5]]));
  });

  it('refuses another number of names', () => {
    expect(() => fromDiffusers(file, ['a', 'b', 'c'])).toThrow(
      'the file has 2 parameters, expected 3',
    );
  });
});

describe('importAverage', () => {
  const imported: ImportedAverage = { nAvg: [3], swaState: { w: float32(2) } };

  it('begins a compensated average with residuals of 0', async () => {
    const cell = weights('w', [1]);
    const swa = swaOf([[cell]], { compensated: true });
    await adopt(swa, imported);
    expect((await swa.stateDict()).averages['swa']?.residuals).toEqual({ w: float32(0) });
    fill(cell, 6);
    await swa.updateSwa();
    await swa.withAveraged(() => expect(read(cell)).toEqual([3]));
  });

  it('takes tied parameters under any of their names', async () => {
    const tensor = float32(1);
    const swa = swaOf([[parameter('embed', tensor), parameter('head', tensor)]]);
    for (const swaState of [
      { embed: float32(4) },
      { head: float32(4) },
      { embed: float32(4), head: float32(4) },
    ]) {
      await adopt(swa, { nAvg: [1], swaState });
      expect((await swa.stateDict()).averages['swa']?.swaState).toEqual({ embed: float32(4) });
    }
    const differing = { embed: float32(4), head: float32(5) };
    await expect(adopt(swa, { nAvg: [1], swaState: differing })).rejects.toThrow(
      '"head" differs from a parameter that is tied to it',
    );
  });

  it('refuses what was never averaged, and keeps its own', async () => {
    const cell = weights('w', [1]);
    const swa = swaOf([[cell]]);
    await swa.updateSwa();
    await expect(adopt(swa, { nAvg: [0], swaState: { w: float32(2) } })).rejects.toThrow(
      'it has no updates',
    );
    expect(swa.paramGroups[0]?.nAvg).toBe(1);
  });

  it('refuses a mean of the last values, a missing average, and non-finite values', async () => {
    const swa = swaOf([[weights('w', [1])]], { rule: lastK(2) });
    await expect(adopt(swa, imported)).rejects.toThrow(
      'the window of "swa" is a list of 0, expected a list of 2',
    );
    await expect(adopt(swa, imported, { average: 'ema' })).rejects.toThrow(
      'there is no average "ema"',
    );
    const wild = { nAvg: [1], swaState: { w: float32(NaN) } };
    await expect(adopt(swaOf([[weights('w', [1])]]), wild)).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
  });
});
