// Tied parameters: one average for one storage, shown to all who share it.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it, vi } from 'vitest';
import { Faults, faulty } from '../support/faults.js';
import { read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function floats(data: Float32Array): HostTensor {
  return { dtype: 'float32', shape: [data.length], data };
}

function groupsOf(
  ...groups: readonly (readonly Parameter<HostTensor>[])[]
): ReturnType<typeof sgd> {
  return sgd(groups.map((params) => ({ params, lr: 0.1 })));
}

describe('two parameters over one array', () => {
  it('are averaged once and swapped exactly, also across groups', async () => {
    const data = Float32Array.of(1, 1);
    const [input, output] = [parameter('input', floats(data)), parameter('output', floats(data))];
    const swa = new SWA(groupsOf([input], [output]), { backend });
    await swa.updateSwa();
    data.fill(4);
    await swa.updateSwa();
    data.set([0.1, -0]);
    const state = await swa.stateDict();
    expect(Object.keys(state.averages['swa']?.swaState ?? {})).toEqual(['input']);
    expect(state.paramGroups.map(({ params, tied }) => [params, tied])).toEqual([
      [['input'], {}],
      [[], { output: 'input' }],
    ]);
    await swa.swapSwaSgd();
    expect([input, output].map(read)).toEqual([
      [2.5, 2.5],
      [2.5, 2.5],
    ]);
    await swa.swapSwaSgd();
    expect(read(output)).toEqual([Math.fround(0.1), -0]);
  });

  it('are one through separate views of it, made anew at each update', async () => {
    const { buffer } = Float32Array.of(1, 2, 3, 4);
    const source = (): readonly Parameter<HostTensor>[] => [
      parameter('a', floats(new Float32Array(buffer, 0, 2))),
      parameter('b', floats(new Float32Array(buffer, 0, 2))),
      parameter('c', floats(new Float32Array(buffer, 8, 2))),
    ];
    const model = new AveragedModel(source, { backend });
    await model.update();
    new Float32Array(buffer).set([3, 4, 5, 6]);
    await model.update();
    const { averages } = await model.stateDict();
    expect(averages['swa']?.swaState).toEqual({
      a: floats(Float32Array.of(2, 3)),
      c: floats(Float32Array.of(4, 5)),
    });
  });

  it('are refused where they share only a part of it', () => {
    const data = new Float32Array(6);
    const [left, right] = [
      parameter('left', floats(data.subarray(0, 4))),
      parameter('right', floats(data.subarray(2, 6))),
    ];
    expect(() => new AveragedModel([left, right], { backend })).toThrow(
      expect.objectContaining({
        code: 'ERR_PARAMETERS',
        message: expect.stringContaining('"left", "right" share a part') as string,
      }),
    );
    const inside = parameter('inside', floats(data.subarray(1, 2)));
    expect(() => new AveragedModel([inside, left], { backend })).toThrow('share a part');
    const swa = new SWA(groupsOf([left]), { backend });
    return expect(swa.addParamGroup({ params: [right], lr: 1 })).rejects.toThrow('share a part');
  });

  it('are as they were where the backend cannot set one of them', async () => {
    const data = Float32Array.of(1);
    const [input, output] = [parameter('input', floats(data)), parameter('output', floats(data))];
    const faults = new Faults();
    const swa = new SWA(groupsOf([input, output]), { backend: faulty(backend, faults) });
    await swa.updateSwa();
    data.fill(4);
    faults.failOnce('swap');
    await expect(swa.swapSwaSgd()).rejects.toThrow('swap failed');
    expect(swa.isSwapped).toBe(false);
    expect(read(output)).toEqual([4]);
    await swa.updateSwa();
    await swa.swapSwaSgd();
    expect([input, output].map(read)).toEqual([[2.5], [2.5]]);
  });
});

describe('a name', () => {
  it('is refused for two parameters of different storage, tied or not', () => {
    const data = new Float32Array(1);
    const pair = [parameter('w', floats(data)), parameter('v', floats(data)), weights('v', [1])];
    expect(() => new AveragedModel(pair, { backend })).toThrow('Two parameters are named "v"');
    expect(() => new AveragedModel(pair.toReversed(), { backend })).toThrow(
      'Two parameters are named "v"',
    );
  });
});

describe('a swap', () => {
  it('checks the shapes itself, of all groups, before it asks the backend', async () => {
    let tensor = floats(Float32Array.of(1, 2));
    const late = { name: 'late', identity: {}, get: () => tensor, set: () => {} };
    const swap = vi.fn<typeof backend.swap>(backend.swap);
    const swa = new SWA(groupsOf([weights('first', [1])], [late]), {
      backend: { ...backend, swap },
    });
    await swa.updateSwa();
    tensor = floats(Float32Array.of(1, 2, 3));
    await expect(swa.swapSwaSgd()).rejects.toThrow(
      'swapSwaSgd: "late" is float32[3], its average is float32[2].',
    );
    expect(swap).not.toHaveBeenCalled();
    expect(swa.isSwapped).toBe(false);
  });
});
