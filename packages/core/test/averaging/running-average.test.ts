// What an update keeps alive and whose handles it goes on with, where it succeeds and where the
// backend fails.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { AverageItem, Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { fill, read, sgd, weights, withAverage } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function counter(name: string): Parameter<HostTensor> {
  return parameter(name, { dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) });
}

function swaOf(
  groups: readonly (readonly Parameter<HostTensor>[])[],
  options: { backend?: Backend<HostTensor>; compensated?: boolean } = {},
): SWA<HostTensor> {
  return new SWA(sgd(groups.map((params) => ({ params, lr: 0.1 }))), { backend, ...options });
}

function throwing(): never {
  throw new Error('out of memory');
}

/**
 * The backend, but what it is given to change it disposes of, and gives the result in new tensors.
 */
const renewing: Backend<HostTensor> = {
  ...backend,
  average(items, options) {
    const own = ({ average, residual }: AverageItem<HostTensor>): readonly HostTensor[] =>
      residual === undefined ? [average] : [average, residual];
    const copies = items.map((item) => {
      const [average, residual] = backend.clone(own(item)) as [HostTensor, HostTensor?];
      return { ...item, average, ...(residual === undefined ? {} : { residual }) };
    });
    const result = backend.average(copies, options);
    backend.dispose((result.kind === 'averaged' ? items : copies).flatMap(own));
    return result;
  },
};

describe('memory', () => {
  it.each([false, true])(
    'is freed of the integers of earlier updates, compensated %s',
    async (compensated) => {
      const start = backend.memory();
      const swa = swaOf([[weights('w', [3]), counter('n')]], { compensated });
      await swa.updateSwa();
      const held = backend.memory();
      expect(held.tensors - start.tensors).toBe(compensated ? 3 : 2);
      for (let n = 0; n < 5; n += 1) await swa.updateSwa();
      expect(backend.memory()).toEqual(held);
      await swa.dispose();
      expect(backend.memory()).toEqual(start);
    },
  );

  it('is freed of averages and residuals of every group on disposal', async () => {
    const start = backend.memory();
    const swa = swaOf(
      [[weights('a', [3])], [weights('b', [4]), counter('n')], [weights('c', [5])]],
      {
        compensated: true,
      },
    );
    await swa.updateSwa();
    expect(backend.memory().tensors - start.tensors).toBe(7);
    await swa.dispose();
    expect(backend.memory()).toEqual(start);
  });

  it('is freed of what a loaded state replaces, residuals too', async () => {
    const swa = swaOf([[weights('w', [3]), counter('n')]], { compensated: true });
    await swa.updateSwa();
    const held = backend.memory();
    for (let n = 0; n < 3; n += 1) await swa.loadStateDict(await swa.stateDict());
    expect(backend.memory()).toEqual(held);
    await swa.dispose();
  });

  it('is freed of a state that the optimizer refuses, and of one that is not finite', async () => {
    const swa = swaOf([[weights('a', [3])], [weights('b', [3])]], { compensated: true });
    await swa.updateSwa();
    const state = await swa.stateDict();
    const held = backend.memory();
    const optState = { ...(state.optState as object), lr: [] };
    await expect(swa.loadStateDict({ ...state, optState })).rejects.toThrow(
      'another number of groups',
    );
    const b = { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, Infinity) } as const;
    await expect(
      swa.loadStateDict(withAverage(state, 'swa', { swaState: { b } })),
    ).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    expect(backend.memory()).toEqual(held);
    await swa.dispose();
  });

  it('is freed of the copies of integers where the averages cannot be moved', async () => {
    let average: Backend<HostTensor>['average'] = backend.average;
    const swa = swaOf([[weights('w', [3]), counter('n')]], {
      backend: { ...backend, average: async (...args) => average(...args) },
    });
    await swa.updateSwa();
    const held = backend.memory();
    average = throwing;
    await expect(swa.updateSwa()).rejects.toThrow('out of memory');
    expect(backend.memory()).toEqual(held);
    average = backend.average;
    await swa.updateSwa();
    expect(backend.memory()).toEqual(held);
    await swa.dispose();
  });

  it('is freed of the first averages where the residuals have no room', async () => {
    const start = backend.memory();
    let upload: Backend<HostTensor>['upload'] = throwing;
    const swa = swaOf([[weights('w', [3]), counter('n')]], {
      backend: { ...backend, upload: async (tensors) => upload(tensors) },
      compensated: true,
    });
    await expect(swa.updateSwa()).rejects.toThrow('out of memory');
    expect(backend.memory()).toEqual(start);
    expect(swa.paramGroups[0]?.nAvg).toBe(0);
    upload = backend.upload;
    await swa.updateSwa();
    await swa.dispose();
    expect(backend.memory()).toEqual(start);
  });
});

describe('a backend that gives results in new tensors', () => {
  it.each([false, true])('is followed to them, compensated %s', async (compensated) => {
    const start = backend.memory();
    const cells = [weights('w', [3]), counter('n')] as const;
    const runs = [backend, renewing].map((each) => swaOf([cells], { backend: each, compensated }));
    for (const value of [0.1, 0.7, 1e-3, 5]) {
      fill(cells[0], value);
      for (const swa of runs) await swa.updateSwa();
    }
    const [plain, renewed] = await Promise.all(runs.map(async (swa) => swa.stateDict()));
    expect(renewed).toEqual(plain);
    for (const swa of runs) await swa.dispose();
    expect(backend.memory()).toEqual(start);
  });
});

describe('an item', () => {
  it.each([false, true])(
    'is of a weight, after integers too, compensated %s',
    async (compensated) => {
      const given: AverageItem<HostTensor>[] = [];
      const recording: Backend<HostTensor> = {
        ...backend,
        average(items, options) {
          given.push(...items);
          return backend.average(items, options);
        },
      };
      const cell = weights('w', [3]);
      const swa = swaOf([[counter('n'), cell]], { backend: recording, compensated });
      for (const value of [1, 2]) {
        fill(cell, value);
        await swa.updateSwa();
      }
      expect(given.map((item) => Object.keys(item).toSorted())).toEqual([
        ['average', 'live', ...(compensated ? ['residual'] : []), 'weight'],
      ]);
      expect(given[0]?.live.data).toEqual(cell.get().data);
      const { averages } = await swa.stateDict();
      expect(Object.keys(averages['swa']?.residuals ?? {})).toEqual(compensated ? ['w'] : []);
    },
  );
});

describe('the rule', () => {
  it('is asked for all groups before the first average moves', async () => {
    const cells = [weights('a', [2]), weights('b', [2])];
    const given = [0.5, NaN];
    const rule = {
      kind: 'moving' as const,
      name: 'halting',
      weight: (): number => given.shift() ?? 0.5,
    };
    const swa = new SWA(sgd(cells.map((cell) => ({ params: [cell], lr: 0.1 }))), { backend, rule });
    cells.forEach((cell) => fill(cell, 2));
    await swa.updateSwa();
    cells.forEach((cell) => fill(cell, 6));
    await expect(swa.updateSwa()).rejects.toThrow(/"halting" gave the weight NaN/);
    expect(swa.paramGroups.map(({ nAvg }) => nAvg)).toEqual([1, 1]);
    const { averages } = await swa.stateDict();
    expect(Object.values(averages['swa']?.swaState ?? {}).map(({ data }) => [...data])).toEqual([
      [2, 2],
      [2, 2],
    ]);
    await swa.updateSwa();
    await swa.swapSwaSgd();
    expect(cells.map(read)).toEqual([
      [4, 4],
      [4, 4],
    ]);
  });

  it.each([-0.1, 1.1, NaN])('is refused the weight %d', async (weight) => {
    const swa = new SWA(sgd([{ params: [weights('a', [2])], lr: 0.1 }]), {
      backend,
      rule: { kind: 'moving', name: 'wild', weight: () => weight },
    });
    await swa.updateSwa();
    await expect(swa.updateSwa()).rejects.toThrow(RangeError);
  });

  it.each([0, 1])('may give the weight %d', async (weight) => {
    const cell = weights('a', [1]);
    const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), {
      backend,
      rule: { kind: 'moving', name: 'edge', weight: () => weight },
    });
    for (const value of [3, 7]) {
      fill(cell, value);
      await swa.updateSwa();
    }
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([weight === 0 ? 3 : 7]);
  });
});
