// Who may have other weights in a model: several objects over the same places, made separately.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { fakeLayer, fakeModel } from '../support/batch-norm.js';
import { Faults, faulty, faultyModel, slow } from '../support/faults.js';

const backend = cpuBackend();

/** A parameter of its own over `data`. */
function over(data: Float32Array): readonly Parameter<HostTensor>[] {
  return [parameter('w', { dtype: 'float32', shape: [data.length], data })];
}

/** A parameter over `data` whose shape can change. */
function reshaped(data: Float32Array): Parameter<HostTensor> & { shape: readonly number[] } {
  const [own] = over(data) as [Parameter<HostTensor>];
  const { name, identity } = own;
  return {
    name,
    identity,
    shape: [data.length],
    get() {
      return { ...own.get(), shape: this.shape };
    },
    set: (tensor) => own.set(tensor),
  };
}

interface Shared {
  readonly data: Float32Array;
  readonly one: AveragedModel<HostTensor>;
  readonly other: SWA<HostTensor>;
  readonly set: ParameterSet<HostTensor>;
  readonly faults: Faults;
}

/** Weights of 5, with an average of 1 in `one`, and of 2 in `other`. */
async function shared(): Promise<Shared> {
  const data = Float32Array.of(1, 1);
  const faults = new Faults();
  const broken = faulty(backend, faults);
  const one = new AveragedModel(over(data), { backend });
  const other = new SWA(observedOptimizer([{ params: over(data), lr: 0.1 }]), { backend: broken });
  const set = new ParameterSet(over(data), { backend: broken });
  await one.update();
  data.fill(2);
  await other.updateSwa();
  data.fill(5);
  return { data, one, other, set, faults };
}

const none = (): void => {};
const weights = { w: { dtype: 'float32', shape: [2], data: Float32Array.of(8, 8) } } as const;

describe('averages that one object has put into a model', () => {
  it('are not averaged, swapped, read or written by others, who are told the holder', async () => {
    const { data, one, other, set } = await shared();
    await one.swap();
    const calls: (() => Promise<unknown>)[] = [
      () => other.updateSwa(),
      () => other.swapSwaSgd(),
      () => other.withAveraged(() => 0),
      () => set.read(),
      () => set.copy(),
      () => set.write(weights),
      () => set.withWeights(weights, () => 0),
      () => new AveragedModel(over(data), { backend }).update(),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_SWAPPED',
        message: expect.stringContaining('AveragedModel.swap') as string,
      });
    }
    expect([...data]).toEqual([1, 1]);
    await one.swap();
    expect([...data]).toEqual([5, 5]);
    await other.updateSwa();
  });

  it('are not written by a ParameterSet inside withAveraged', async () => {
    const { data, one, set } = await shared();
    await one.withAveraged(async () => {
      await expect(set.write(weights)).rejects.toThrow('AveragedModel.withAveraged');
    });
    expect([...data]).toEqual([5, 5]);
    await set.write(weights);
    expect([...data]).toEqual([8, 8]);
  });

  it('are kept from those who have a part of the memory', async () => {
    const { data, one } = await shared();
    const part = new AveragedModel(over(data.subarray(0, 1)), { backend });
    await one.withAveraged(() =>
      expect(part.update()).rejects.toMatchObject({ code: 'ERR_SWAPPED' }),
    );
    await part.update();
    await part.withAveraged(() =>
      expect(one.update()).rejects.toMatchObject({ code: 'ERR_SWAPPED' }),
    );
  });

  it('do not keep anybody from other memory of the same buffer', async () => {
    const data = new Float32Array(4).fill(3);
    const [left, right] = [data.subarray(0, 2), data.subarray(2)].map(
      (part) => new AveragedModel(over(part), { backend }),
    );
    await left?.update();
    await left?.swap();
    await right?.update();
    expect([left?.isSwapped, right?.nAvg]).toEqual([true, 1]);
    await left?.swap();
  });

  it('are dropped with what was written into them meanwhile', async () => {
    const { data, one } = await shared();
    await one.swap();
    data.fill(77);
    await one.swap();
    expect([...data]).toEqual([5, 5]);
    await one.withAveraged(() => expect([...data]).toEqual([1, 1]));
  });
});

describe('averages that were left in a model, recallable', () => {
  it('are taken out first by the next comer', async () => {
    const { data, one, other } = await shared();
    await one.swap({ recallable: true });
    expect(one.isSwapped).toBe(true);
    await other.updateSwa();
    expect(one.isSwapped).toBe(false);
    expect([...data]).toEqual([5, 5]);
    expect((await other.stateDict()).averages['swa']?.swaState['w']?.data[0]).toBe(3.5);
  });

  it('are taken out with their batch-norm statistics', async () => {
    const { one, other } = await shared();
    const layer = fakeLayer('bn');
    await one.swap({ recallable: true, batchNorm: { model: fakeModel([layer]), loader: [4] } });
    expect(layer.statistics.mean[0]).toBe(4);
    await other.withAveraged(() => expect(layer.statistics.mean[0]).toBe(-1));
  });

  it('are there again where the next comer fails', async () => {
    const { data, one, other, faults } = await shared();
    await one.swap({ recallable: true });
    faults.failOnce('average');
    await expect(other.updateSwa()).rejects.toThrow('average failed');
    expect([...data]).toEqual([1, 1]);
    expect(one.isSwapped).toBe(true);
    await one.swap();
    expect([...data]).toEqual([5, 5]);
  });

  it('are not touched by a swap that is refused', async () => {
    const { data, other, faults } = await shared();
    const [fresh, one] = [new AveragedModel(over(data), { backend }), reshaped(data)];
    const changed = new AveragedModel([one], { backend });
    await changed.update();
    await other.swapSwaSgd({ recallable: true });
    const before = faults.calls.length;
    await expect(fresh.swap()).rejects.toMatchObject({ code: 'ERR_NO_AVERAGES' });
    one.shape = [1, 2];
    for (const call of [() => changed.swap(), () => changed.withAveraged(() => {})]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
    }
    expect(faults.calls.slice(before)).toEqual([]);
    expect([[...data], other.isSwapped]).toEqual([[2, 2], true]);
  });

  it('block nobody where another of the same object can neither begin nor be undone', async () => {
    const { data, one, other, faults } = await shared();
    const before = backend.memory().tensors;
    const layer = fakeLayer('bn');
    const live = layer.statistics;
    const batchNorm = { model: faultyModel(fakeModel([layer]), faults), loader: [4] };
    await other.swapSwaSgd({ recallable: true, batchNorm });
    // The statistics of the one that was left are read, and then those of the other.
    const left = ['read', 'read', 'swap'];
    faults.fails = (call) => call === left[0] && left.shift() !== undefined && left.length < 2;
    const failing = other.withAveraged(() => {}, { batchNorm });
    await expect(failing).rejects.toMatchObject({ name: 'AggregateError' });
    await other.swapSwaSgd();
    expect(layer.statistics).toEqual(live);
    expect([[...data], other.isSwapped]).toEqual([[5, 5], false]);
    expect(backend.memory().tensors).toBe(before);
    data.fill(7);
    await one.update();
    expect([...data]).toEqual([7, 7]);
  });

  it.each([
    ['withAveraged', ({ other }: Shared, batchNorm: never) => other.withAveraged(none, batchNorm)],
    [
      'withWeights',
      ({ set }: Shared, batchNorm: never) => set.withWeights(weights, none, batchNorm),
    ],
  ])('are taken back with those of a %s that could not be undone', async (_, begin) => {
    const all = await shared();
    const { data, one, other, faults } = all;
    await one.swap({ recallable: true });
    const batchNorm = { model: faultyModel(fakeModel([fakeLayer('bn')]), faults), loader: [4] };
    // Its weights are there when the batch norm fails, and then cannot be taken out.
    let swaps = 0;
    faults.fails = (call) => call === 'batchMoments' || (call === 'swap' && (swaps += 1) === 2);
    const failing = begin(all, { batchNorm } as never);
    await expect(failing).rejects.toMatchObject({ name: 'AggregateError' });
    await one.swap();
    expect([[...data], one.isSwapped, other.isSwapped]).toEqual([[5, 5], false, false]);
    data.fill(7); // a training step
    await other.updateSwa();
    await one.update();
    expect([...data]).toEqual([7, 7]);
  });

  it('leave and restore in any order', async () => {
    const { data, one, other } = await shared();
    await one.swap({ recallable: true });
    await other.swapSwaSgd({ recallable: true });
    expect([one.isSwapped, other.isSwapped]).toEqual([false, true]);
    expect([...data]).toEqual([2, 2]);
    await one.swap({ recallable: true });
    expect([...data]).toEqual([1, 1]);
    await other.updateSwa();
    expect([...data]).toEqual([5, 5]);
  });

  it('are taken out once where two calls come at the same time', async () => {
    const data = Float32Array.of(1);
    const [one, other] = [1, 2].map(
      () => new AveragedModel(over(data), { backend: slow<HostTensor>(backend) }),
    ) as [AveragedModel<HostTensor>, AveragedModel<HostTensor>];
    await one.update();
    await other.update();
    data[0] = 5;
    await one.swap({ recallable: true });
    const results = await Promise.allSettled([other.update(), one.swap()]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect([...data]).toEqual([5]);
    expect(one.isSwapped).toBe(false);
    await one.withAveraged(() => expect([...data]).toEqual([1]));
    expect([...data]).toEqual([5]);
  });
});

describe('batch-norm layers', () => {
  it('are lent to one object at a time, also where the weights are of two', async () => {
    const layer = fakeLayer('bn');
    const [one, other] = [new Float32Array(1), new Float32Array(1)].map(
      (data) => new AveragedModel(over(data), { backend }),
    ) as [AveragedModel<HostTensor>, AveragedModel<HostTensor>];
    for (const each of [one, other]) await each.update();
    const batchNorm = { model: fakeModel([layer]), loader: [4] };
    await one.swap({ batchNorm });
    await expect(other.swap({ batchNorm })).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
    await one.swap();
    expect(layer.statistics.mean[0]).toBe(-1);
    await other.swap({ batchNorm });
  });
});

describe('two copies of core', () => {
  it('share one registry of places', () => {
    expect(Object.getOwnPropertySymbols(globalThis)).toContain(Symbol.for('polyak.places'));
  });
});
