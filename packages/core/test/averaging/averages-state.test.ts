// The state of averages: the same while the model shows one, and refused where it does not fit.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, fromSafetensors, SWA, toSafetensors } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { importAverage } from '@polyak/core/interop';
import { equal, exponential, lastK } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { fill, read, sgd, weights, withAverage } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function groupsOf(...names: readonly (readonly string[])[]): ReturnType<typeof sgd> {
  return sgd(names.map((group) => ({ params: group.map((name) => weights(name, [2])), lr: 0.1 })));
}

describe('stateDict while the model shows an average', () => {
  it('is what it was before, and loads after', async () => {
    const cell = weights('w', [3]);
    const averages = { swa: equal(), exact: exponential(0.9999), last: lastK(2) };
    const model = new AveragedModel([cell], { backend, averages });
    for (const value of [1, 2, 7]) {
      fill(cell, value);
      await model.update();
    }
    const state = await model.stateDict();
    for (const average of Object.keys(averages)) {
      await model.withAveraged(
        async () => {
          fill(cell, -9);
          expect(await model.stateDict()).toEqual(state);
        },
        { average },
      );
    }
    expect(read(cell)).toEqual([7, 7, 7]);
    await model.loadStateDict(fromSafetensors(toSafetensors(state)));
    expect(await model.stateDict()).toEqual(state);
  });
});

describe('a state of groups with different counts', () => {
  it('goes on bit for bit, windows and groups without parameters included', async () => {
    const make = (): SWA<HostTensor> =>
      new SWA(groupsOf(['a', 'b'], [], ['c']), {
        backend,
        averages: { last: lastK(3), exact: exponential(0.9999) },
        onWarning: () => {},
      });
    const one = make();
    const [first, , third] = one.paramGroups;
    if (first === undefined || third === undefined) throw new Error('no groups');
    for (const group of [first, first, third, first, first]) {
      for (const cell of group.params) fill(cell, group.nAvg + 0.1);
      await one.updateSwaGroup(group);
    }
    const state = await one.stateDict();
    expect(state.averages['last']?.nAvg).toEqual([4, 0, 1]);
    expect(state.averages['last']?.window.map((tensors) => Object.keys(tensors))).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
    const other = make();
    await other.loadStateDict(fromSafetensors(toSafetensors(state)));
    expect(await other.stateDict()).toEqual(state);
    for (const swa of [one, other]) {
      for (const cell of swa.paramGroups.flatMap(({ params }) => params)) fill(cell, 3.7);
      await swa.updateSwa();
    }
    expect(await other.stateDict()).toEqual(await one.stateDict());
  });
});

describe('tied parameters', () => {
  const tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(4) } as const;

  function tied(...names: readonly string[]): AveragedModel<HostTensor> {
    const data = Float32Array.of(1);
    const parameters = names.map((name) => parameter(name, { ...tensor, data }));
    return new AveragedModel(parameters, { backend });
  }

  it('are of the state, which is refused where other ones are tied', async () => {
    const model = tied('embed', 'head');
    await model.update();
    const state = await model.stateDict();
    await tied('embed', 'head').loadStateDict(state);
    await expect(tied('embed', 'tail').loadStateDict(state)).rejects.toThrow(
      'the tied parameters of group 0 is {"head":"embed"}, expected {"tail":"embed"}',
    );
  });

  it('are imported under any of their names', async () => {
    const model = tied('embed', 'head');
    const imported = { nAvg: [2], swaState: { head: tensor } };
    await model.loadStateDict(importAverage(await model.stateDict(), imported));
    expect((await model.stateDict()).averages['swa']?.swaState).toEqual({ embed: tensor });
  });
});

describe('loadStateDict', () => {
  async function refusal(change: (state: StateTree) => StateTree): Promise<string> {
    const model = new AveragedModel([weights('a', [2]), weights('b', [3])], { backend });
    await model.update();
    const state = await model.stateDict();
    const error: unknown = await model
      .loadStateDict(change(state))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'PolyakError', code: 'ERR_STATE' });
    expect(await model.stateDict()).toEqual(state);
    return String(error);
  }

  const float32 = (...shape: readonly number[]): HostTensor => {
    const length = shape.reduce((product, extent) => product * extent, 1);
    return { dtype: 'float32', shape, data: new Float32Array(length) };
  };

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53, '1', null, true, [1]])(
    'refuses the counter %s',
    async (counter) => {
      const message = await refusal((state) => withAverage(state, 'swa', { nAvg: [counter] }));
      expect(message).toContain('group 0: nAvg of "swa" is');
      expect(message).toContain('expected an integer from 0 to 2^53 - 1');
    },
  );

  it('refuses a surplus tensor, in averages and residuals', async () => {
    for (const where of ['swaState', 'residuals']) {
      const tensors = { z: float32(1) };
      const message = await refusal((state) => withAverage(state, 'swa', { [where]: tensors }));
      expect(message).toContain(`swa: ${where}: the model has no "z"`);
    }
  });

  it.each<[string, StateTree]>([
    ['[1,2]', [1, 2]],
    ['"w"', 'w'],
  ])('refuses %s in place of tensors by name, and says so', async (written, residuals) => {
    const message = await refusal((state) => withAverage(state, 'swa', { residuals }));
    expect(message).toContain(`swa: residuals: it is ${written}, expected tensors by name`);
  });

  it('does not call a tensor missing that it refuses', async () => {
    const message = await refusal((state) => withAverage(state, 'swa', { swaState: { a: 5 } }));
    expect(message).toContain('"a" is not a tensor');
    expect(message).not.toContain('lacks');
  });

  const nested = (depth: number): StateTree => {
    let list: StateTree = [];
    for (let level = 0; level < depth; level += 1) list = [list, list];
    return list;
  };

  it.each<[string, unknown]>([
    ['another shape', float32(3)],
    ['another rank', float32(2, 1)],
    ['fewer elements than its shape', { ...float32(2), data: new Float32Array(1) }],
    ['a shape that is none', { ...float32(2), shape: 'two' }],
    // Written out, it would take a billion characters.
    ['a shape of lists in lists', { ...float32(2), shape: nested(30) }],
    ['a dtype that is none', { ...float32(2), dtype: 'float8' }],
    ['the array of another dtype', { ...float32(2), data: new Int32Array(2) }],
    ['no tensor', [1, 2]],
  ])('refuses %s', async (_, a) => {
    const message = await refusal((state) => withAverage(state, 'swa', { swaState: { a } }));
    expect(message).toMatch(/swa: swaState: "a" /);
  });

  it('refuses a tensor of integers in place of names, and says so', async () => {
    const params = { dtype: 'int64', shape: [1], data: BigInt64Array.of(5n) } as const;
    const message = await refusal((state) => ({
      ...(state as { [key: string]: StateTree }),
      paramGroups: [{ params, tied: {} }],
    }));
    expect(message).toContain('group 0 is');
  });

  it('refuses a function in place of names, and says so', async () => {
    const message = await refusal((state) => ({
      ...(state as { [key: string]: StateTree }),
      paramGroups: [{ params: (() => 0) as never, tied: {} }],
    }));
    expect(message).toContain('group 0 is function');
  });
});
