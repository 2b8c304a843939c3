// A run that goes on under other settings: what is named may differ, everything else is refused.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, SWA } from '@polyak/core';
import type { AveragingOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { adaptState } from '@polyak/core/interop';
import type { StateChanges } from '@polyak/core/interop';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { RuleOptions } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';

const backend = cpuBackend();

function place(name: string, ...values: readonly number[]): Parameter<HostTensor> {
  const data = Float32Array.from(values);
  return parameter(name, { dtype: 'float32', shape: [values.length], data });
}

type Options = RuleOptions & Pick<AveragingOptions<HostTensor>, 'compensated'>;

function model(places: readonly Parameter<HostTensor>[], options: Options) {
  return new AveragedModel(places, { ...options, backend });
}

/** Averages `values` of `w` and twice them of `b`. */
async function averaged(options: Options, ...values: readonly number[]) {
  const [w, b] = [place('w', 0, 0), place('b', 0)];
  const own = model([w, b], options);
  for (const value of values) {
    w.get().data.fill(value as never);
    b.get().data.fill((2 * value) as never);
    await own.update();
  }
  return own;
}

async function adapted(
  from: AveragedModel<HostTensor>,
  to: AveragedModel<HostTensor>,
  changes: StateChanges,
) {
  await to.loadStateDict(adaptState(await from.stateDict(), await to.stateDict(), changes));
  return await to.stateDict();
}

const float32 = (...values: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('adaptState', () => {
  it('goes on by another rule or decay, with or without residuals', async () => {
    const from = await averaged({ averages: { ema: exponential(0.5), swa: equal() } }, 1, 3);
    const [w, b] = [place('w', 6, 6), place('b', 12)];
    const to = model([w, b], { averages: { ema: exponential(0.99995), swa: equal() } });
    const state = await adapted(from, to, { changedRules: ['ema'] });
    expect(state.averages['ema']).toMatchObject({ rule: 'exponential(0.99995)', nAvg: [2] });
    expect(state.averages['ema']?.residuals).toEqual({ w: float32(0, 0), b: float32(0) });
    expect(state.averages['ema']?.swaState).toEqual({ w: float32(2, 2), b: float32(4) });
    const back = model([place('w', 0, 0), place('b', 0)], {
      averages: { ema: exponential(0.5), swa: equal() },
    });
    expect((await adapted(to, back, { changedRules: ['ema'] })).averages['ema']?.residuals).toEqual(
      {},
    );
  });

  it('makes a running average of a mean of the last values, and not the reverse', async () => {
    const from = await averaged({ rule: lastK(2) }, 1, 3, 5);
    const to = await averaged({ rule: exponential(0.5) });
    const state = await adapted(from, to, { changedRules: ['swa'] });
    expect(state.averages['swa']).toMatchObject({ nAvg: [3], window: [] });
    expect(state.averages['swa']?.swaState['w']).toEqual(float32(4, 4));
    const last = await averaged({ rule: lastK(2) });
    await expect(adapted(to, last, { changedRules: ['swa'] })).rejects.toThrow(
      'the window of "swa" is a list of 0, expected a list of 2',
    );
  });

  it('adds an average, which begins with nothing, and drops one', async () => {
    const from = await averaged({ averages: { ema: exponential(0.5), old: equal() } }, 1, 3);
    const [w, b] = [place('w', 7, 7), place('b', 14)];
    const to = model([w, b], { averages: { ema: exponential(0.5), last: lastK(2) } });
    await adapted(from, to, { newAverages: ['last'], droppedAverages: ['old'] });
    await to.update();
    const { averages } = await to.stateDict();
    expect(Object.keys(averages)).toEqual(['ema', 'last']);
    expect(averages['ema']?.nAvg).toEqual([3]);
    expect(averages['last']).toMatchObject({ nAvg: [1], swaState: { w: float32(7, 7) } });
  });

  it('renames parameters in averages, residuals and windows, also in a circle', async () => {
    const from = await averaged(
      { averages: { ema: exponential(0.5), last: lastK(3) }, compensated: true },
      1,
      3,
    );
    const to = model([place('b', 0, 0), place('w', 0)], {
      averages: { ema: exponential(0.5), last: lastK(3) },
      compensated: true,
    });
    const { averages, paramGroups } = await adapted(from, to, { renamed: { w: 'b', b: 'w' } });
    expect(paramGroups[0]?.params).toEqual(['b', 'w']);
    expect(averages['ema']?.swaState).toEqual({ b: float32(2, 2), w: float32(4) });
    expect(averages['ema']?.residuals['b']?.shape).toEqual([2]);
    expect(averages['last']?.window).toEqual([
      { b: float32(1, 1), w: float32(2) },
      { b: float32(3, 3), w: float32(6) },
    ]);
  });

  it('adds a layer, whose averages begin where it is told, and drops one', async () => {
    const options = { averages: { ema: exponential(0.5), last: lastK(2) } };
    const from = await averaged(options, 1, 3);
    const head = place('head', 9, 9, 9);
    const to = model([place('w', 5, 5), head], options);
    const { averages } = await adapted(from, to, {
      newParameters: { head: float32(9, 9, 9) },
      droppedParameters: ['b'],
    });
    expect(averages['ema']?.swaState).toEqual({ w: float32(2, 2), head: float32(9, 9, 9) });
    expect(averages['last']?.window).toHaveLength(2);
    await to.update();
    await to.withAveraged(() => expect([...head.get().data]).toEqual([9, 9, 9]));
  });

  it('adds a parameter group with counters of its own', async () => {
    const groups = (...lists: readonly (readonly Parameter<HostTensor>[])[]) =>
      new SWA(observedOptimizer(lists.map((params) => ({ params, lr: 0.1 }))), { backend });
    const from = groups([place('w', 1, 2)]);
    await from.updateSwa();
    const to = groups([place('w', 3, 4)], [place('head', 9)]);
    const target = await to.stateDict();
    const state = adaptState(await from.stateDict(), target, {
      newParameters: { head: float32(9) },
    });
    await expect(to.loadStateDict(state)).rejects.toThrow('each of 2 groups');
    const source = await from.stateDict();
    expect(() => adaptState(source, target, { renamed: undefined as never })).toThrow(
      'lacks the parameter group of "head"',
    );
    expect(() => adaptState(source, target, {})).toThrow('lacks the parameter group of "head"');
    expect(() => adaptState(target, source, {})).toThrow('lacks the parameter group of "head"');
    const dropped = adaptState(target, source, { droppedParameters: ['head'] });
    expect(dropped.paramGroups).toHaveLength(1);
    await to.loadStateDict({ ...state, optState: target.optState });
    expect(to.paramGroups.map(({ nAvg }) => nAvg)).toEqual([1, 0]);
  });

  it('adds a layer to a group with fewer last values than another group has', async () => {
    const groups = (...names: readonly (readonly string[])[]) => {
      const lists = names.map((list) => ({ params: list.map((name) => place(name, 1)), lr: 0.1 }));
      return new SWA(observedOptimizer(lists), { backend, rule: lastK(3) });
    };
    const from = groups(['w'], ['b']);
    await from.updateSwa();
    for (const group of [0, 0].map((n) => from.paramGroups[n])) {
      if (group !== undefined) await from.updateSwaGroup(group);
    }
    const to = groups(['w'], ['b', 'head']);
    const changes = { newParameters: { head: float32(9) } };
    await to.loadStateDict(adaptState(await from.stateDict(), await to.stateDict(), changes));
    expect((await to.stateDict()).averages['swa']?.window).toEqual([
      { w: float32(1), b: float32(1), head: float32(9) },
      { w: float32(1) },
      { w: float32(1) },
    ]);
  });

  it('keeps ties, under new names, and refuses others', async () => {
    const [w, b] = [place('w', 1), place('b', 2)];
    const from = model([w, { ...w, name: 'tied' }, b], {});
    await from.update();
    const [head, body] = [place('head', 1), place('b', 2)];
    const to = model([head, { ...head, name: 'tail' }, body], {});
    const renamed = { w: 'head', tied: 'tail' };
    expect((await adapted(from, to, { renamed })).paramGroups[0]?.tied).toEqual({ tail: 'head' });
    const other = model([head, body, { ...body, name: 'tail' }], {});
    await expect(adapted(from, other, { renamed })).rejects.toThrow(
      'the tied parameters of group 0 is {"tail":"head"}, expected {"tail":"b"}',
    );
  });

  it('refuses whatever differs and is not named, with every difference', async () => {
    const from = await averaged({ averages: { ema: exponential(0.5), old: equal() } }, 1, 3);
    const to = model([place('w', 0, 0), place('c', 0)], { averages: { ema: exponential(0.9) } });
    for (const part of [
      'averages without a rule: "old"',
      'group 0 is ["w","b"], expected ["w","c"]',
      'the rule of "ema" is "exponential(0.5)", expected "exponential(0.9)"',
      'it lacks "c"',
    ]) {
      await expect(adapted(from, to, {})).rejects.toThrow(part);
    }
  });

  it('refuses names that would stand for two', async () => {
    const own = await averaged({ averages: { ema: exponential(0.5) } }, 1);
    for (const changes of [
      { renamed: { b: 'w' } },
      { newParameters: { w: float32(1, 1) } },
      { renamed: { b: 'w', w: 'b' }, newParameters: { w: float32(1) } },
    ]) {
      await expect(adapted(own, own, changes)).rejects.toThrow('two parameters become "w"');
    }
    const message = 'two averages become "ema"';
    await expect(adapted(own, own, { newAverages: ['ema'] })).rejects.toThrow(message);
    await adapted(own, own, { newParameters: { b: float32(1) }, droppedParameters: ['b'] });
    await adapted(own, own, { newAverages: ['ema'], droppedAverages: ['ema'] });
  });

  it('refuses changes of what is not there, and wrong arguments', async () => {
    const own = await averaged({}, 1);
    await expect(
      adapted(own, own, {
        renamed: { x: 'w', w: 'y' },
        newParameters: { z: float32(1) },
        droppedParameters: ['u'],
        changedRules: ['ema'],
        newAverages: ['late'],
        droppedAverages: ['early'],
      }),
    ).rejects.toThrow(
      'adaptState: a change does not fit: the state has no parameter "x"; the target has no ' +
        'parameter "y"; the target has no parameter "z"; the state has no parameter "u"; the ' +
        'state has no average "ema"; the target has no average "ema"; the target has no average ' +
        '"late"; the state has no average "early".',
    );
    const state = await own.stateDict();
    expect(() => adaptState(state, null as never, {})).toThrow(TypeError);
    expect(() => adaptState(state, state, { rename: {} } as never)).toThrow('no option "rename"');
  });
});
