// States: a run that goes on from one goes on bit for bit, whenever it was saved.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { fromSafetensors, SWA, toSafetensors } from '@polyak/core';
import type { NamedTensors, StateTree, AverageState, SWAOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { equal, exponential, lastK, powerWarmUp } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { fill, sgd, weights, withAverage } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();
const STEPS = 14;
const ADDED_AT = 6;

interface Run {
  readonly cells: readonly Parameter<HostTensor>[];
  readonly swa: SWA<HostTensor>;
}

function start(options: Partial<SWAOptions<HostTensor>>, groups: number): Run {
  const counter = parameter('counter', { dtype: 'int32', shape: [1], data: Int32Array.of(3) });
  const all = [[weights('a', [3, 2]), counter], [weights('b', [4], 2)], [weights('c', [2], 3)]];
  const [first, second, third] = all.map((params) => ({ params, lr: 0.1 }));
  const used = [first, second, third].slice(0, groups).flatMap((group) => group ?? []);
  const swa = new SWA(sgd(used), { backend, swaStart: 3, swaFreq: 2, swaLr: 0.02, ...options });
  return { cells: all.flat(), swa };
}

async function step(run: Run, index: number): Promise<void> {
  const late = run.cells[3];
  if (index === ADDED_AT && late !== undefined)
    await run.swa.addParamGroup({ params: [late], lr: 0.3 });
  await run.swa.step();
}

function bits(run: Run): number[][] {
  return run.cells.map((cell) => {
    const { buffer, byteOffset, byteLength } = cell.get().data;
    return [...new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength))];
  });
}

const RULES: readonly [string, Partial<SWAOptions<HostTensor>>][] = [
  ['equal', {}],
  ['exponential', { rule: exponential(0.9) }],
  ['compensated', { rule: exponential(0.9999) }],
  ['last 3', { rule: lastK(3) }],
  ['four', { averages: { a: equal(), b: lastK(2), c: exponential(0.9999), d: powerWarmUp() } }],
];

describe.each(RULES)('a run with the %s average', (_, options) => {
  it('goes on bit for bit from a state saved at any step', async () => {
    const whole = start(options, 2);
    for (let index = 0; index < STEPS; index += 1) await step(whole, index);
    const expected = await whole.swa.stateDict();
    await whole.swa.swapSwaSgd();

    for (let saved = 0; saved <= STEPS; saved += 1) {
      const first = start(options, 2);
      for (let index = 0; index < saved; index += 1) await step(first, index);
      const bytes = toSafetensors(await first.swa.stateDict());

      const second = start(options, saved > ADDED_AT ? 3 : 2);
      second.cells.forEach((cell, n) => {
        const from = first.cells[n]?.get().data as Float32Array;
        (cell.get().data as Float32Array).set(from);
      });
      await second.swa.loadStateDict(fromSafetensors(bytes));
      for (let index = saved; index < STEPS; index += 1) await step(second, index);
      expect(await second.swa.stateDict()).toEqual(expected);
      await second.swa.swapSwaSgd();
      expect(bits(second)).toEqual(bits(whole));
    }
  });
});

describe('stateDict', () => {
  it("is keyed by name, with each group's counters and the optimizer's state", async () => {
    const { swa } = start({}, 2);
    for (let index = 0; index < 5; index += 1) await swa.step();
    const state = await swa.stateDict();
    expect(state).toMatchObject({
      version: 1,
      optState: { steps: 5, lr: [0.02, 0.02] },
      paramGroups: [
        { params: ['a', 'counter'], stepCounter: 5 },
        { params: ['b'], stepCounter: 5 },
      ],
    });
    expect(Object.keys(state.averages)).toEqual(['swa']);
    expect(state.averages['swa']).toMatchObject({
      rule: 'equal',
      nAvg: [1, 1],
      residuals: {},
      window: [],
    });
    expect(Object.keys(state.averages['swa']?.swaState ?? {})).toEqual(['a', 'counter', 'b']);
  });

  it('is a copy, which later updates do not change', async () => {
    const cell = weights('w', [2]);
    const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend });
    fill(cell, 1);
    await swa.updateSwa();
    const state = await swa.stateDict();
    fill(cell, 3);
    await swa.updateSwa();
    expect(state.averages['swa']?.swaState['w']?.data).toEqual(Float32Array.of(1, 1));
    expect(state.averages['swa']?.nAvg).toEqual([1]);
  });
});

describe('loadStateDict', () => {
  async function saved(
    options: Partial<SWAOptions<HostTensor>> = {},
  ): Promise<{ [key: string]: StateTree }> {
    const { swa } = start(options, 2);
    for (let index = 0; index < 6; index += 1) await swa.step();
    return { ...(await swa.stateDict()) };
  }

  async function refusal(
    state: StateTree,
    options: Partial<SWAOptions<HostTensor>> = {},
  ): Promise<string> {
    const run = start(options, 2);
    for (let index = 0; index < 4; index += 1) await run.swa.step();
    const [before, memory] = [await run.swa.stateDict(), backend.memory()];
    const error: unknown = await run.swa.loadStateDict(state).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'PolyakError' });
    expect(await run.swa.stateDict()).toEqual(before);
    expect(backend.memory()).toEqual(memory);
    const { code, message } = error as { code: string; message: string };
    return `${code} ${message}`;
  }

  it('refuses what is no state, and nothing changes', async () => {
    for (const state of [
      null,
      3,
      'state',
      [],
      {},
      { version: 2 },
      { version: 1, paramGroups: [] },
    ]) {
      expect(await refusal(state)).toContain('ERR_STATE');
    }
  });

  it("refuses a state without the version, the optimizer's state or the groups", async () => {
    const state = await saved();
    for (const part of [{ version: 2 }, { version: '1' }, { paramGroups: {} }] as StateTree[]) {
      expect(await refusal({ ...state, ...(part as object) })).toContain(
        'not a state of averages, version 1',
      );
    }
    const { optState: _, ...rest } = state;
    expect(await refusal(rest)).toContain('it has no optState');
  });

  it('refuses a state with more groups than the SWA has', async () => {
    const state = await saved();
    const paramGroups = [
      ...(state['paramGroups'] as readonly StateTree[]),
      { params: [], stepCounter: 0 },
    ];
    expect(await refusal({ ...state, paramGroups })).toContain('3 parameter groups, expected 2');
  });

  it('refuses a stepCounter that is no integer >= 0', async () => {
    const state = await saved();
    const [one, two] = state['paramGroups'] as [{ params: string[] }, { params: string[] }];
    for (const stepCounter of [-1, 0.5, NaN, Infinity, '6', null]) {
      expect(await refusal({ ...state, paramGroups: [one, { ...two, stepCounter }] })).toContain(
        'group 1: stepCounter',
      );
    }
  });

  it('refuses an average with as many elements in another shape, or of another dtype', async () => {
    const state = await saved();
    const data = new Float32Array(6);
    const misshapen = [
      { dtype: 'float32', shape: [2, 3], data },
      { dtype: 'float32', shape: [6], data },
      { dtype: 'float64', shape: [3, 2], data: new Float64Array(6) },
      { dtype: 'float32', shape: [3, 2], data: new Float32Array(5) },
    ] as const;
    for (const a of misshapen) {
      expect(await refusal(withAverage(state, 'swa', { swaState: { a } }))).toContain(
        'swa: swaState: "a" is',
      );
    }
  });

  it('does not take what every object has for an average', async () => {
    const swa = new SWA(sgd([{ params: [weights('constructor', [1])], lr: 0.1 }]), { backend });
    await swa.updateSwa();
    const state = await swa.stateDict();
    await swa.loadStateDict(fromSafetensors(toSafetensors(state)));
    expect(await swa.stateDict()).toEqual(state);
    const tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(5) };
    const inherited = Object.create({ constructor: tensor }) as NamedTensors;
    for (const swaState of [inherited, {}]) {
      const swap = { ...state.averages['swa'], swaState } as AverageState;
      await expect(swa.loadStateDict({ ...state, averages: { swa: swap } })).rejects.toThrow(
        'swaState: it lacks "constructor"',
      );
    }
  });

  it('lists every difference', async () => {
    const state = await saved();
    const b = { dtype: 'float32', shape: [5], data: new Float32Array(5) };
    const message = await refusal(
      withAverage(state, 'swa', { rule: 'exponential(0.9)', swaState: { a: undefined, b } }),
    );
    expect(message).toContain('"exponential(0.9)"');
    expect(message).toContain('swaState: "a" is not a tensor');
    expect(message).toContain('"b" is float32[5], expected float32[4]');
  });

  it('refuses other names and groups, bad counters and tensors of a wrong length', async () => {
    const state = await saved();
    const [one, two] = state['paramGroups'] as { params: string[]; stepCounter: number }[];
    if (one === undefined || two === undefined) throw new Error('no groups');
    expect(await refusal({ ...state, paramGroups: [one] })).toContain(
      '1 parameter groups, expected 2',
    );
    expect(await refusal({ ...state, paramGroups: [one, { ...two, params: ['x'] }] })).toContain(
      '["x"]',
    );
    for (const nAvg of [-1, 0.5, NaN, '1']) {
      expect(await refusal(withAverage(state, 'swa', { nAvg: [1, nAvg] }))).toContain(
        'group 1: nAvg of "swa"',
      );
    }
    expect(await refusal(withAverage(state, 'swa', { nAvg: undefined }))).toContain(
      'group 0: nAvg of "swa"',
    );
    const b = { dtype: 'float32', shape: [4], data: new Float32Array(3) };
    expect(await refusal(withAverage(state, 'swa', { swaState: { b } }))).toContain('"b"');
  });

  it('refuses averages that are not finite', async () => {
    const state = await saved();
    const b = { dtype: 'float32', shape: [4], data: Float32Array.of(1, NaN, 1, 1) } as const;
    expect(await refusal(withAverage(state, 'swa', { swaState: { b } }))).toContain(
      'ERR_NON_FINITE',
    );
  });

  it('refuses a compensated state without compensation, and the reverse', async () => {
    const rule: AveragingRule = { kind: 'moving', name: 'equal', weight: (nAvg) => 1 / (nAvg + 1) };
    expect(await refusal(await saved({ rule, compensated: true }), { rule })).toContain(
      'compensated of "swa" is true, expected false',
    );
    expect(await refusal(await saved({ rule }), { rule, compensated: true })).toContain(
      'residuals: it lacks "a"',
    );
  });

  it('changes nothing where the base optimizer refuses its part', async () => {
    const state = await saved();
    const optState = { ...(state['optState'] as object), lr: [0.1] };
    expect(await refusal({ ...state, optState })).toContain('another number of groups');
  });
});
