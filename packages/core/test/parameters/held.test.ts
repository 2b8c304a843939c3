// A parameter that does not take what is put into it is found at the first swap.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, ParameterSet } from '@polyak/core';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';

const backend = cpuBackend();

function place(name: string, ...values: readonly number[]): Parameter<HostTensor> {
  const data = Float32Array.from(values);
  return parameter(name, { dtype: 'float32', shape: [values.length], data });
}

/** A network that hides its weights after `optimize`, as synaptic does: `set` reaches a copy. */
function hidden(name: string): Parameter<HostTensor> {
  const [visible, optimized] = [place(name, 1, 2), place(name, 1, 2)];
  return { ...visible, get: () => optimized.get() };
}

const nothing = (name: string): Parameter<HostTensor> => ({ ...place(name, 1, 2), set() {} });
const halfWay = (name: string): Parameter<HostTensor> => {
  const whole = place(name, 1, 2);
  return { ...whole, set: ({ data }) => void (whole.get().data[0] = data[0] as never) };
};

describe.each([
  ['does nothing', nothing],
  ['writes where nobody reads', hidden],
  ['writes the first element only', halfWay],
])('a set that %s', (_, make) => {
  const message = 'after set, get of "bad" returns other values';

  it('is found by the first swap, and nothing changes', async () => {
    const before = backend.memory();
    const [good, bad] = [place('good', 5), make('bad')];
    const model = new AveragedModel([good, bad], { backend });
    await model.update();
    // Swapped where the average is what the model holds, which shows nothing.
    if (make === nothing) for (let n = 0; n < 2; n += 1) await model.swap();
    for (const { data } of [good.get(), bad.get()]) data.fill(9 as never);
    await expect(model.swap()).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
      message: expect.stringContaining(message) as string,
    });
    expect(model.isSwapped).toBe(false);
    expect(good.get().data[0]).toBe(9);
    await model.dispose();
    expect(backend.memory()).toEqual(before);
  });

  it('is found by withWeights and by write', async () => {
    const set = new ParameterSet([make('bad')], { backend });
    const other = { bad: { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) } } as const;
    await expect(set.withWeights(other, () => 0)).rejects.toThrow(message);
    await expect(set.write(other)).rejects.toThrow(message);
  });
});

describe.each([
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
  [4, 4],
])('bytes at the offset %i, compared with bytes at the offset %i,', (...offsets) => {
  let views = 0;
  const shifted: Backend<HostTensor> = {
    ...backend,
    hostViews: (tensors) => {
      const offset = offsets[views % 2] as number;
      views += 1;
      return tensors.map((tensor) => {
        const data = new Uint8Array(offset + tensor.data.length).subarray(offset);
        data.set(tensor.data as Uint8Array);
        return { ...tensor, data };
      });
    },
  };
  const mask = (): Parameter<HostTensor> =>
    parameter('mask', { dtype: 'bool', shape: [6], data: Uint8Array.of(1, 0, 1, 1, 0, 1) });

  it('are the same where set takes them all', async () => {
    const set = new ParameterSet([mask()], { backend: shifted });
    const data = Uint8Array.of(0, 1, 0, 0, 1, 0);
    views = 0;
    await expect(
      set.withWeights({ mask: { dtype: 'bool', shape: [6], data } }, () => 5),
    ).resolves.toBe(5);
  });

  it.each([0, 3, 4, 5])('are others where set leaves out byte %i', async (index) => {
    const right = mask();
    const set = new ParameterSet(
      [
        {
          ...right,
          set: (tensor) => {
            const data = tensor.data.slice();
            data[index] = right.get().data[index] as never;
            return right.set({ ...tensor, data });
          },
        },
      ],
      { backend: shifted },
    );
    const data = Uint8Array.of(0, 1, 0, 0, 1, 0);
    views = 0;
    await expect(
      set.withWeights({ mask: { dtype: 'bool', shape: [6], data } }, () => 5),
    ).rejects.toThrow('after set, get of "mask" returns other values');
  });
});

it('is looked at once only', async () => {
  const calls: number[] = [];
  const counted = {
    ...backend,
    hostViews: (tensors: readonly HostTensor[]) => {
      calls.push(tensors.length);
      return backend.hostViews(tensors);
    },
  };
  const [a, b] = [place('a', 1), place('b', 2)];
  const model = new AveragedModel([a, b], { backend: counted });
  await model.update();
  for (const { data } of [a.get(), b.get()]) data.fill(9 as never);
  for (let n = 0; n < 6; n += 1) await model.swap();
  expect(calls).toEqual([2, 2, 2, 2]);
});
