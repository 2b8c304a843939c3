// The weights of a live model as plain data: read, put in for a while, put in for good; nothing
// lost, nothing kept.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';
import { fakeLayer, fakeModel } from '../support/batch-norm.js';
import { Faults, faulty, faultyModel } from '../support/faults.js';
import { read } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function float32(...values: number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

/** Parameters, with all of them as a set. */
interface Live {
  readonly parameters: readonly Parameter<HostTensor>[];
  readonly set: ParameterSet<HostTensor>;
}

function model(on: Backend<HostTensor> = backend): Live {
  const steps = parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(7) });
  const parameters = [parameter('w', float32(1, 2)), steps];
  return { parameters, set: new ParameterSet(parameters, { backend: on }) };
}

const OTHERS: NamedTensors = {
  w: float32(3, 4),
  steps: { dtype: 'int32', shape: [1], data: Int32Array.of(9) },
};

describe('read', () => {
  it('copies what the model holds, by name, and keeps nothing', async () => {
    const [live, before] = [model(), backend.memory()];
    const copies = await live.set.read();
    expect(Object.keys(copies)).toEqual(['w', 'steps']);
    live.parameters[0]?.get().data.fill(0 as never);
    expect([...(copies['w']?.data ?? [])]).toEqual([1, 2]);
    expect(backend.memory()).toEqual(before);
  });

  it('refuses what is not finite, by name', async () => {
    await expect(
      new ParameterSet([parameter('w', float32(1, NaN))], { backend }).read(),
    ).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('"w"') as string,
    });
  });
});

describe('withWeights', () => {
  it('shows the model other weights, and restores its own, also after a failure', async () => {
    const [live, before] = [model(), backend.memory()];
    const seen = await live.set.withWeights(OTHERS, () => live.parameters.map(read));
    expect(seen).toEqual([[3, 4], [9]]);
    const failing = live.set.withWeights(OTHERS, () => {
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
    await expect(live.set.withWeights(wrong, () => 0)).rejects.toThrow(
      'it lacks "steps"; "w" is float32[1], expected float32[2]; the model has no "v"',
    );
    await expect(
      live.set.withWeights({ ...OTHERS, w: float32(1, Infinity) }, () => 0),
    ).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    expect(live.parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(backend.memory()).toEqual(before);
  });

  /** The model on a backend whose swaps fail at these places of their order. */
  function failingAt(...places: readonly number[]): Live {
    let swaps = 0;
    const failing: Backend<HostTensor> = {
      ...backend,
      swap(parameters, tensors) {
        swaps += 1;
        if (places.includes(swaps)) throw new Error('device lost');
        return backend.swap(parameters, tensors);
      },
    };
    return model(failing);
  }

  it('frees the weights where they cannot be put in', async () => {
    const before = backend.memory();
    await expect(failingAt(1).set.withWeights(OTHERS, () => 0)).rejects.toThrow('device lost');
    expect(backend.memory()).toEqual(before);
  });

  it('tries again where the live weights could not be put back', async () => {
    const [live, before] = [failingAt(2), backend.memory()];
    expect(await live.set.withWeights(OTHERS, () => 5)).toBe(5);
    expect(live.parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(backend.memory()).toEqual(before);
  });

  it('keeps live weights that cannot be put back at all, and says what failed', async () => {
    const before = backend.memory();
    const { set } = failingAt(2, 3);
    const failing = set.withWeights(OTHERS, () => {
      throw new Error('no score');
    });
    await expect(failing).rejects.toMatchObject({
      name: 'AggregateError',
      errors: [{ message: 'no score' }, { message: 'device lost' }],
      cause: { message: 'device lost' },
    });
    expect(backend.memory().tensors - before.tensors).toBe(4);
    await set.recall();
    expect(backend.memory()).toEqual(before);
  });

  it('keeps nothing where a try to put them back fails, and to undo that try', async () => {
    const [before, faults] = [backend.memory(), new Faults()];
    const { parameters, set } = model(faulty(backend, faults));
    const bn = faultyModel(fakeModel([fakeLayer('bn')]), faults);
    const left = ['read', 'swap'];
    const failNext = (): void => {
      faults.fails = (call) => call === left[0] && left.shift() !== undefined;
    };
    await set.withWeights(OTHERS, failNext, { batchNorm: { model: bn, loader: [4] } });
    expect(left).toEqual([]);
    expect(parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(backend.memory()).toEqual(before);
  });

  it("refuses a model that shows another object's average, losing nothing", async () => {
    const live = model();
    const swa = new SWA(observedOptimizer([{ params: live.parameters, lr: 0.1 }]), { backend });
    await swa.updateSwa();
    live.parameters[0]?.get().data.fill(5 as never);
    const held = (by: string): object => ({
      code: 'ERR_SWAPPED',
      message: expect.stringContaining(by) as string,
    });
    await live.set.withWeights(OTHERS, async () =>
      expect(swa.swapSwaSgd()).rejects.toMatchObject(held('ParameterSet.withWeights')),
    );
    await swa.withAveraged(async () => {
      const name = held('SWA.withAveraged');
      await expect(live.set.withWeights(OTHERS, () => 0)).rejects.toMatchObject(name);
      await expect(live.set.write(OTHERS)).rejects.toMatchObject(name);
      await expect(live.set.read()).rejects.toMatchObject(name);
    });
    expect(live.parameters.map(read)).toEqual([[5, 5], [7]]);
  });

  it('succeeds, restores and warns where the device cannot free the weights', async () => {
    const { parameters } = model();
    const warnings: string[] = [];
    const faults = new Faults();
    const set = new ParameterSet(parameters, {
      backend: faulty<HostTensor>(backend, faults),
      onWarning: (message) => void warnings.push(message),
    });
    faults.fails = (call) => call === 'dispose';
    expect(await set.withWeights(OTHERS, () => parameters.map(read))).toEqual([[3, 4], [9]]);
    expect(parameters.map(read)).toEqual([[1, 2], [7]]);
    expect(warnings.join()).toContain('could not free');
    await set.write(OTHERS);
    expect(parameters.map(read)).toEqual([[3, 4], [9]]);
  });
});

describe('copy and withCopy', () => {
  it('keep weights where the backend keeps its tensors', async () => {
    const { parameters, set } = model();
    const before = backend.memory();
    const copies = await set.copy();
    parameters[0]?.get().data.fill(8 as never);
    expect(await set.withCopy(copies, () => parameters.map(read))).toEqual([[1, 2], [7]]);
    expect(parameters.map(read)).toEqual([[8, 8], [7]]);
    backend.dispose(copies);
    expect(backend.memory()).toEqual(before);
  });

  it('refuse tensors that do not fit, naming each', async () => {
    const { set } = model();
    const [w] = backend.upload([float32(1, 2, 3)]);
    if (w === undefined) throw new Error('no tensor');
    await expect(set.withCopy([w], () => 0)).rejects.toThrow(
      'the list lacks "steps"; "w" is float32[3], expected float32[2]',
    );
    backend.dispose([w]);
  });
});

describe('write', () => {
  it('puts weights in for good', async () => {
    const [live, before] = [model(), backend.memory()];
    await live.set.write(OTHERS);
    expect(live.parameters.map(read)).toEqual([[3, 4], [9]]);
    expect(backend.memory()).toEqual(before);
    await live.set.write(await live.set.read());
    expect(live.parameters.map(read)).toEqual([[3, 4], [9]]);
  });

  it('keeps tied parameters tied', async () => {
    const tensor = float32(1, 2);
    const parameters = [parameter('input', tensor), parameter('output', tensor)];
    const live = { parameters, set: new ParameterSet(parameters, { backend }) };
    expect(Object.keys(await live.set.read())).toEqual(['input']);
    await live.set.write({ input: float32(3, 4), output: float32(7, 8) });
    expect(live.parameters.map(read)).toEqual([
      [3, 4],
      [3, 4],
    ]);
    await live.set.write({ input: float32(5, 6) });
    expect(live.parameters.map(read)).toEqual([
      [5, 6],
      [5, 6],
    ]);
  });

  it('takes float32 for half precision, and rounds it', async () => {
    const half = halfBackend();
    const tensor = { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) } as const;
    const before = half.memory().tensors;
    const parameters = [halfParameter('w', tensor)];
    const live = { parameters, set: new ParameterSet(parameters, { backend: half }) };
    expect(await live.set.read()).toEqual({ w: float32(1) });
    await live.set.write({ w: float32(2 + 2 ** -20) });
    expect([...(live.parameters[0]?.get().data ?? [])]).toEqual([0x4000]);
    expect(half.memory().tensors).toBe(before);
  });

  it('refuses what is infinite in half precision, and changes nothing', async () => {
    const half = halfBackend();
    const tensor = { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) } as const;
    const before = half.memory().tensors;
    const parameters = [halfParameter('w', tensor)];
    const live = { parameters, set: new ParameterSet(parameters, { backend: half }) };
    await expect(live.set.write({ w: float32(70_000) })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    expect([...(live.parameters[0]?.get().data ?? [])]).toEqual([0x3c00]);
    expect(half.memory().tensors).toBe(before);
  });
});
