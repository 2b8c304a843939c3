// Calls that take time, while other objects call over the same weights.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { Faults, faulty, slow } from '../support/faults.js';

interface Shared {
  readonly data: Float32Array;
  readonly one: AveragedModel<HostTensor>;
  readonly other: AveragedModel<HostTensor>;
  readonly set: ParameterSet<HostTensor>;
  readonly faults: Faults;
}

/** Weights of 5 and two averages of 1, on a backend that takes time. */
async function shared(): Promise<Shared> {
  const data = Float32Array.of(1, 1);
  const faults = new Faults();
  const plain = slow<HostTensor>(faulty(cpuBackend(), faults));
  // Longer than what others do before they come to the weights.
  const backend: Backend<HostTensor> = {
    ...plain,
    async average(...given) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return plain.average(...given);
    },
  };
  const weight = parameter('w', { dtype: 'float32', shape: [2], data });
  const [one, other] = [1, 2].map(() => new AveragedModel([weight], { backend })) as [
    AveragedModel<HostTensor>,
    AveragedModel<HostTensor>,
  ];
  await one.update();
  await other.update();
  data.fill(5);
  return { data, one, other, set: new ParameterSet([weight], { backend }), faults };
}

const weights = { w: { dtype: 'float32', shape: [2], data: Float32Array.of(8, 8) } } as const;

/** What the first average is now. */
async function averageOf(model: AveragedModel<HostTensor>): Promise<readonly unknown[]> {
  return [...((await model.stateDict()).averages['swa']?.swaState['w']?.data ?? [])];
}

describe('an update under way', () => {
  it('lets nobody put other weights into the model, and says who reads them', async () => {
    const { data, one, other, set } = await shared();
    const update = one.update();
    for (const call of [
      () => other.swap(),
      () => other.withAveraged(() => 0),
      () => set.write(weights),
      () => set.withWeights(weights, () => 0),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_BUSY',
        message: expect.stringContaining('AveragedModel.update still reads') as string,
      });
    }
    await update;
    expect(await averageOf(one)).toEqual([3, 3]);
    expect([...data]).toEqual([5, 5]);
    expect(other.isSwapped).toBe(false);
    await other.withAveraged(() => expect([...data]).toEqual([1, 1]));
  });

  it('does not keep others from averaging or reading the weights', async () => {
    const { one, other, set } = await shared();
    const [, , read] = await Promise.all([one.update(), other.update(), set.read()]);
    expect([await averageOf(one), await averageOf(other)]).toEqual([
      [3, 3],
      [3, 3],
    ]);
    expect([...(read['w']?.data ?? [])]).toEqual([5, 5]);
  });

  it('lets go of the weights where it fails', async () => {
    const { data, one, other, faults } = await shared();
    faults.failOnce('average');
    await expect(one.update()).rejects.toThrow('average failed');
    await other.withAveraged(() => expect([...data]).toEqual([1, 1]));
    expect([...data]).toEqual([5, 5]);
  });
});

describe('averages that another call takes out of the model', () => {
  it('cannot be kept there meanwhile', async () => {
    const { data, one, other } = await shared();
    await one.swap({ recallable: true });
    const update = other.update();
    await expect(one.dispose({ keep: 'averages' })).rejects.toMatchObject({
      code: 'ERR_BUSY',
      message: expect.stringContaining('dispose: the weights of AveragedModel.swap') as string,
    });
    await update;
    expect([...data]).toEqual([5, 5]);
    await one.dispose();
  });
});

describe('a step that waits', () => {
  it('is refused where another object has put its weights into the model meanwhile', async () => {
    const { data, other, set } = await shared();
    const weight = parameter('w', { dtype: 'float32', shape: [2], data });
    const optimizer = observedOptimizer([{ params: [weight], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend: set.backend, swaStart: 10, swaFreq: 1 });
    let finish = (): void => {};
    const step = swa.step(async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      data.fill(6);
    });
    await other.swap();
    finish();
    await expect(step).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
    expect(swa.paramGroups[0]?.stepCounter).toBe(0);
    await other.swap();
    expect([...data]).toEqual([5, 5]);
  });
});

describe.each<[string, (swapped: Promise<void>) => unknown]>([
  ['is synchronous', () => 0],
  ['waits', async (swapped) => swapped],
])('a step whose closure %s', (_, answer) => {
  it.each([false, true])(
    'is refused where averages came in, recallable: %s',
    async (recallable) => {
      const data = Float32Array.of(1);
      const weight = parameter('w', { dtype: 'float32', shape: [1], data });
      const optimizer = observedOptimizer([{ params: [weight], lr: 0.1 }]);
      const backend = cpuBackend();
      const swa = new SWA(optimizer, { backend, swaStart: 10, swaFreq: 1 });
      const other = new AveragedModel([weight], { backend });
      await other.update();
      data.fill(5);
      await expect(swa.step(() => answer(other.swap({ recallable })))).rejects.toMatchObject({
        code: 'ERR_SWAPPED',
      });
      expect(swa.paramGroups[0]?.stepCounter).toBe(0);
      await other.swap();
      expect([...data]).toEqual([5]);
    },
  );
});

describe('a ParameterSet', () => {
  it('that reads lets nobody put other weights into the model', async () => {
    const { one, set } = await shared();
    const read = set.read();
    await expect(one.swap()).rejects.toThrow('ParameterSet.read still reads');
    expect([...((await read)['w']?.data ?? [])]).toEqual([5, 5]);
    await one.swap();
    await one.swap();
  });

  it('that writes lets nobody average what is half written', async () => {
    const { data, one, set } = await shared();
    const places = [0, 1].map((n) => {
      const part = { dtype: 'float32', shape: [1], data: data.subarray(n, n + 1) } as const;
      const place = parameter(`w${n}`, part);
      return {
        ...place,
        async set(tensor: HostTensor) {
          await Promise.resolve();
          await place.set(tensor);
        },
      };
    });
    const halves = new ParameterSet(places, { backend: set.backend });
    const one8 = { dtype: 'float32', shape: [1], data: Float32Array.of(8) } as const;
    const write = halves.write({ w0: one8, w1: one8 });
    // Until it has the weights on the device.
    while (data[0] !== 8) await Promise.resolve();
    expect([...data]).toEqual([8, 5]);
    await expect(one.update()).rejects.toThrow('ParameterSet.write has put into it');
    await write;
    await one.update();
    expect(await averageOf(one)).toEqual([4.5, 4.5]);
  });
});
