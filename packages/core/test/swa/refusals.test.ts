// Misuse is refused, not averaged, and nothing is lost.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { Backend, BatchNormModel, HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { fakeLayer, fakeModel } from '../support/batch-norm.js';
import { fill, read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

interface Fixture {
  readonly swa: SWA<HostTensor>;
  readonly cell: Parameter<HostTensor>;
}

/** An SWA whose average is 2 while the model holds 5. */
async function averaged(options: Partial<Backend<HostTensor>> = {}): Promise<Fixture> {
  const cell = weights('layer.weight', [3]);
  const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend: { ...backend, ...options } });
  fill(cell, 2);
  await swa.updateSwa();
  fill(cell, 5);
  return { swa, cell };
}

function code(expected: string): object {
  return expect.objectContaining({ name: 'PolyakError', code: expected });
}

describe('while swapped', () => {
  it('refuses steps, updates, groups, loads and disposal, and swaps back to the bit', async () => {
    const { swa, cell } = await averaged();
    const state = await swa.stateDict();
    await swa.swapSwaSgd();
    expect(swa.isSwapped).toBe(true);
    const [group] = swa.paramGroups;
    if (group === undefined) throw new Error('no group');
    const calls = [
      async () => swa.step(),
      async () => swa.updateSwa(),
      async () => swa.updateSwaGroup(group),
      async () => swa.addParamGroup({ params: [], lr: 1 }),
      async () => swa.loadStateDict(state),
      async () => swa.withAveraged(() => 0),
      async () => swa.dispose(),
    ];
    for (const call of calls) await expect(call()).rejects.toEqual(code('ERR_SWAPPED'));
    expect(read(cell)).toEqual([2, 2, 2]);
    await swa.swapSwaSgd();
    expect(swa.isSwapped).toBe(false);
    expect(read(cell)).toEqual([5, 5, 5]);
  });
});

describe('swapSwaSgd', () => {
  it('is refused before any update', async () => {
    const swa = new SWA(sgd([{ params: [weights('w', [1])], lr: 0.1 }]), { backend });
    await expect(swa.swapSwaSgd()).rejects.toEqual(code('ERR_NO_AVERAGES'));
    await expect(swa.withAveraged(() => 0)).rejects.toEqual(code('ERR_NO_AVERAGES'));
    expect(swa.isSwapped).toBe(false);
  });

  it('exchanges bit for bit: NaN payloads, infinities and -0 come back', async () => {
    const { swa, cell } = await averaged();
    const data = cell.get().data as Float32Array;
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
    bits.set([0x7fc12345, 0x80000000, 0xff800000]);
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([2, 2, 2]);
    await swa.swapSwaSgd();
    expect([...bits]).toEqual([0x7fc12345, 0x80000000, 0xff800000]);
  });

  it('stays as it was where the backend fails', async () => {
    const { swa, cell } = await averaged({
      swap() {
        throw new Error('device lost');
      },
    });
    await expect(swa.swapSwaSgd()).rejects.toThrow('device lost');
    expect(swa.isSwapped).toBe(false);
    expect(read(cell)).toEqual([5, 5, 5]);
  });
});

describe('overlapping calls', () => {
  it('are refused, and the first one finishes', async () => {
    const { swa, cell } = await averaged();
    const first = swa.step(async () => new Promise<void>((resolve) => setTimeout(resolve, 10)));
    for (const call of [
      swa.updateSwa(),
      swa.swapSwaSgd(),
      swa.stateDict(),
      swa.step(),
      swa.withAveraged(() => 0),
    ]) {
      await expect(call).rejects.toEqual(code('ERR_BUSY'));
    }
    await first;
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 1, stepCounter: 1 });
    fill(cell, 4);
    await swa.updateSwa();
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([3, 3, 3]);
  });
});

describe('non-finite weights', () => {
  it.each([NaN, Infinity, -Infinity])(
    '%s is refused by name, and the averages are as they were',
    async (value) => {
      const [good, bad] = [weights('good', [4]), weights('bad', [4])];
      const swa = new SWA(
        sgd([
          { params: [good], lr: 0.1 },
          { params: [bad], lr: 0.1 },
        ]),
        { backend },
      );
      [good, bad].forEach((cell) => fill(cell, 1));
      await swa.updateSwa();
      fill(good, 3);
      (bad.get().data as Float32Array)[3] = value;
      await expect(swa.updateSwa()).rejects.toThrow(/"bad"/);
      await expect(swa.updateSwa()).rejects.toEqual(code('ERR_NON_FINITE'));
      expect(swa.paramGroups.map(({ nAvg }) => nAvg)).toEqual([1, 1]);
      fill(bad, 3);
      await swa.updateSwa();
      await swa.swapSwaSgd();
      expect([...read(good), ...read(bad)]).toEqual(Array.from({ length: 8 }, () => 2));
    },
  );

  it('in an automatic step, leaves counters, averages and learning rate as they were', async () => {
    const cell = weights('w', [2]);
    const optimizer = sgd([{ params: [cell], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend, swaStart: 0, swaFreq: 1, swaLr: 0.01 });
    await swa.step();
    const before = await swa.stateDict();
    for (const group of swa.paramGroups) group.lr = 0.2;
    fill(cell, NaN);
    await expect(swa.step()).rejects.toEqual(code('ERR_NON_FINITE'));
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 1, stepCounter: 1, lr: 0.2 });
    expect((await swa.stateDict()).averages).toEqual(before.averages);
  });
});

describe('a step whose closure throws', () => {
  it('leaves counters and learning rate as they were, and the next step works', async () => {
    const swa = new SWA(sgd([{ params: [weights('w', [2])], lr: 0.1 }]), {
      backend,
      swaStart: 0,
      swaFreq: 1,
      swaLr: 0.01,
    });
    await expect(
      swa.step(() => {
        throw new Error('out of data');
      }),
    ).rejects.toThrow('out of data');
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 0, stepCounter: 0, lr: 0.1 });
    await swa.step();
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 1, stepCounter: 1, lr: 0.01 });
  });
});

describe('changed parameters', () => {
  it('are refused by name and shape, and the average is as it was', async () => {
    let tensor: HostTensor = { dtype: 'float32', shape: [5, 5], data: new Float32Array(25) };
    const cell = { name: 'conv1.weight', identity: {}, get: () => tensor, set: () => {} };
    const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend });
    await swa.updateSwa();
    tensor = { dtype: 'float32', shape: [3, 3], data: new Float32Array(9) };
    await expect(swa.updateSwa()).rejects.toThrow(
      'updateSwa: "conv1.weight" is float32[3,3], its average is float32[5,5].',
    );
    await expect(swa.swapSwaSgd()).rejects.toEqual(code('ERR_PARAMETERS'));
    tensor = { dtype: 'float64', shape: [5, 5], data: new Float64Array(25) };
    await expect(swa.updateSwa()).rejects.toEqual(code('ERR_PARAMETERS'));
    expect(swa.paramGroups[0]?.nAvg).toBe(1);
  });

  it('are refused where a group has gained, lost or renamed one', async () => {
    const group = { params: [weights('a', [1])], lr: 0.1 };
    const optimizer = { ...sgd([]), paramGroups: [group] };
    const swa = new SWA(optimizer, { backend });
    await swa.updateSwa();
    for (const params of [[weights('a', [1]), weights('b', [1])], [], [weights('c', [1])]]) {
      group.params = params;
      await expect(swa.updateSwa()).rejects.toEqual(code('ERR_PARAMETERS'));
    }
  });

  it('are refused where a group came to the optimizer behind the back of SWA', async () => {
    const optimizer = sgd([{ params: [weights('a', [1])], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend, swaStart: 0, swaFreq: 1 });
    await optimizer.addParamGroup({ params: [weights('b', [1])], lr: 0.1 });
    await expect(swa.step()).rejects.toThrow(/addParamGroup/);
    await expect(swa.updateSwa()).rejects.toEqual(code('ERR_PARAMETERS'));
  });

  it('are refused where two share a name, also across groups', async () => {
    const pair = (): Parameter<HostTensor>[] => [weights('w', [1]), weights('w', [1])];
    const [one, other] = pair() as [Parameter<HostTensor>, Parameter<HostTensor>];
    expect(() => new SWA(sgd([{ params: pair(), lr: 1 }]), { backend })).toThrow(/"w"/);
    const swa = new SWA(sgd([{ params: [one], lr: 1 }]), { backend });
    await expect(swa.addParamGroup({ params: [other], lr: 1 })).rejects.toEqual(
      code('ERR_PARAMETERS'),
    );
    expect(swa.optimizer.paramGroups).toHaveLength(1);
  });

  it('are refused where the backend has no such dtype', () => {
    const tensor: HostTensor = { dtype: 'float16', shape: [1], data: new Uint16Array(1) };
    const half = { name: 'half', identity: {}, get: () => tensor, set: () => {} };
    expect(() => new SWA(sgd([{ params: [half], lr: 1 }]), { backend })).toThrow(
      /"half" is float16\[1\]/,
    );
  });
});

describe('withAveraged', () => {
  it("puts the live weights back, bit for bit, and returns the function's result", async () => {
    const { swa, cell } = await averaged();
    expect(await swa.withAveraged(async () => read(cell))).toEqual([2, 2, 2]);
    expect(read(cell)).toEqual([5, 5, 5]);
    expect(swa.isSwapped).toBe(false);
  });

  it('puts them back where the function throws', async () => {
    const { swa, cell } = await averaged();
    const failed = swa.withAveraged(() => {
      throw new Error('no test data');
    });
    await expect(failed).rejects.toThrow('no test data');
    expect(read(cell)).toEqual([5, 5, 5]);
    await swa.updateSwa();
  });

  it('refuses a swap by hand inside', async () => {
    const { swa, cell } = await averaged();
    await swa.withAveraged(async () => {
      await expect(swa.swapSwaSgd()).rejects.toEqual(code('ERR_SWAPPED'));
      await expect(swa.withAveraged(() => 0)).rejects.toEqual(code('ERR_SWAPPED'));
    });
    expect(read(cell)).toEqual([5, 5, 5]);
  });

  it('updates batch norm for the averages, and always restores the old statistics', async () => {
    const { swa, cell } = await averaged();
    const layer = fakeLayer('bn');
    const model: BatchNormModel<number> = {
      ...fakeModel([layer]),
      batchMoments: (batch) => [
        {
          mean: Float64Array.of(batch * (read(cell)[0] ?? NaN)),
          variance: Float64Array.of(1),
          count: 10,
        },
      ],
      sampleCount: () => 1,
    };
    const seen = await swa.withAveraged(() => layer.statistics.mean[0], {
      batchNorm: { model, loader: [10, 20] },
    });
    expect(seen).toBeCloseTo(30, 12);
    expect(layer.statistics).toEqual({ mean: Float64Array.of(-1), variance: Float64Array.of(7) });
    const failing = [swa.withAveraged(() => 0, { batchNorm: { model, loader: [] } })];
    for (const call of failing) await expect(call).rejects.toEqual(code('ERR_EMPTY_LOADER'));
    await expect(
      swa.withAveraged(
        () => {
          throw new Error('evaluation');
        },
        { batchNorm: { model, loader: [1] } },
      ),
    ).rejects.toThrow('evaluation');
    expect(layer.statistics.mean[0]).toBe(-1);
    expect(read(cell)).toEqual([5, 5, 5]);
  });
});

describe('dispose', () => {
  it('frees the averages and refuses every later call', async () => {
    const { tensors } = backend.memory();
    const { swa } = await averaged();
    expect(backend.memory().tensors).toBe(tensors + 1);
    await swa.dispose();
    expect(backend.memory().tensors).toBe(tensors);
    for (const call of [
      async () => swa.updateSwa(),
      async () => swa.swapSwaSgd(),
      async () => swa.loadStateDict({}),
      async () => swa.dispose(),
    ]) {
      await expect(call()).rejects.toEqual(code('ERR_DISPOSED'));
    }
  });
});
