// The weights of a live model as plain data: read, put in for a while, put in for good; nothing lost, nothing kept.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { observedOptimizer, readWeights, SWA, withWeights, writeWeights } from '@polyak/core';
import type { Backend, HostTensor, LiveModel, NamedTensors } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../tests/support/half-backend.js';
import type { HalfTensor } from '../../../tests/support/half-backend.js';
import { read } from '../../../tests/support/sgd.js';

const backend = cpuBackend();

function float32(...values: number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

function model(): LiveModel<HostTensor> {
  const steps = parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(7) });
  return { backend, parameters: [parameter('w', float32(1, 2)), steps] };
}

const OTHERS: NamedTensors = {
  w: float32(3, 4),
  steps: { dtype: 'int32', shape: [1], data: Int32Array.of(9) },
};

describe('readWeights', () => {
  it('copies what the model holds, by name, and keeps nothing', async () => {
    const [live, before] = [model(), backend.memory()];
    const copies = await readWeights(live);
    expect(Object.keys(copies)).toEqual(['w', 'steps']);
    live.parameters[0]?.get().data.fill(0 as never);
    expect([...(copies['w']?.data ?? [])]).toEqual([1, 2]);
    expect(backend.memory()).toEqual(before);
  });

  it('refuses what is not finite, by name', async () => {
    await expect(
      readWeights({ backend, parameters: [parameter('w', float32(1, NaN))] }),
    ).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('"w"') as string,
    });
  });
});

describe('withWeights', () => {
  it('shows the model other weights, and restores its own, also after a failure', async () => {
    const [live, before] = [model(), backend.memory()];
    const seen = await withWeights(live, OTHERS, () => live.parameters.map(read));
    expect(seen).toEqual([[3, 4], [9]]);
    const failing = withWeights(live, OTHERS, () => {
      throw new Error('no score');
    });
    await expect(failing).rejects.toThrow('no score');
    expect(live.parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(backend.memory()).toEqual(before);
    expect(OTHERS['w']?.data).toEqual(Float32Array.of(3, 4));
  });

  it('lists every difference, and changes nothing', async () => {
    const [live, before] = [model(), backend.memory()];
    const wrong = { w: float32(1), v: float32(2) };
    await expect(withWeights(live, wrong, () => 0)).rejects.toThrow(
      'the model has no "v"; "w" is float32[1], the model\'s float32[2]; they lack "steps"',
    );
    await expect(
      withWeights(live, { ...OTHERS, w: float32(1, Infinity) }, () => 0),
    ).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    expect(live.parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(backend.memory()).toEqual(before);
  });

  /** The model on a backend whose swaps fail at these places of their order. */
  function failingAt(...places: readonly number[]): LiveModel<HostTensor> {
    let swaps = 0;
    const failing: Backend<HostTensor> = {
      ...backend,
      swap(parameters, tensors) {
        swaps += 1;
        if (places.includes(swaps)) throw new Error('device lost');
        return backend.swap(parameters, tensors);
      },
    };
    return { ...model(), backend: failing };
  }

  it('frees the weights where they cannot be put in', async () => {
    const before = backend.memory();
    await expect(withWeights(failingAt(1), OTHERS, () => 0)).rejects.toThrow('device lost');
    expect(backend.memory()).toEqual(before);
  });

  it('tries again where the live weights could not be put back', async () => {
    const [live, before] = [failingAt(2), backend.memory()];
    expect(await withWeights(live, OTHERS, () => 5)).toBe(5);
    expect(live.parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(backend.memory()).toEqual(before);
  });

  it('keeps live weights that cannot be put back at all, and says what failed', async () => {
    const before = backend.memory();
    const failing = withWeights(failingAt(2, 3), OTHERS, () => {
      throw new Error('no score');
    });
    await expect(failing).rejects.toMatchObject({
      name: 'AggregateError',
      errors: [{ message: 'no score' }, { message: 'device lost' }],
    });
    expect(backend.memory().tensors - before.tensors).toBe(2);
  });

  it("refuses a model that shows another object's average or sample, losing nothing", async () => {
    const live = model();
    const swa = new SWA(observedOptimizer([{ params: live.parameters, lr: 0.1 }]), { backend });
    await swa.updateSwa();
    live.parameters[0]?.get().data.fill(5 as never);
    const refused = { code: 'ERR_SWAPPED', message: expect.stringContaining('"w"') as string };
    await withWeights(live, OTHERS, async () =>
      expect(swa.swapSwaSgd()).rejects.toMatchObject(refused),
    );
    await swa.withAveraged(async () =>
      expect(withWeights(live, OTHERS, () => 0)).rejects.toMatchObject(refused),
    );
    expect(live.parameters.map(read)).toEqual([[5, 5], [7]]);
    await swa.withAveraged(async () =>
      expect((await readWeights(live))['w']).toEqual(float32(1, 2)),
    );
  });
});

describe('writeWeights', () => {
  it('puts weights in for good', async () => {
    const [live, before] = [model(), backend.memory()];
    await writeWeights(live, OTHERS);
    expect(live.parameters.map(read)).toEqual([[3, 4], [9]]);
    expect(backend.memory()).toEqual(before);
    await writeWeights(live, await readWeights(live));
    expect(live.parameters.map(read)).toEqual([[3, 4], [9]]);
  });

  it('keeps tied parameters tied', async () => {
    const tensor = float32(1, 2);
    const live = { backend, parameters: [parameter('input', tensor), parameter('output', tensor)] };
    expect(Object.keys(await readWeights(live))).toEqual(['input']);
    await writeWeights(live, { input: float32(5, 6) });
    expect(live.parameters.map(read)).toEqual([
      [5, 6],
      [5, 6],
    ]);
  });

  it('takes float32 for half precision, and rounds it', async () => {
    const half = halfBackend();
    const tensor = half.upload([
      { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) },
    ])[0] as HalfTensor;
    const before = half.memory().tensors;
    const live = { backend: half, parameters: [halfParameter('w', tensor)] };
    expect(await readWeights(live)).toEqual({ w: float32(1) });
    await writeWeights(live, { w: float32(2 + 2 ** -20) });
    expect([...(live.parameters[0]?.get().inner.data ?? [])]).toEqual([0x4000]);
    expect(half.memory().tensors).toBe(before);
  });

  it('refuses what is infinite in half precision, and changes nothing', async () => {
    const half = halfBackend();
    const tensor = half.upload([
      { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) },
    ])[0] as HalfTensor;
    const before = half.memory().tensors;
    const live = { backend: half, parameters: [halfParameter('w', tensor)] };
    await expect(writeWeights(live, { w: float32(70_000) })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    expect([...(live.parameters[0]?.get().inner.data ?? [])]).toEqual([0x3c00]);
    expect(half.memory().tensors).toBe(before);
  });
});
