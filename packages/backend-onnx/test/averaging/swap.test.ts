// Handles that averages, models and runs share: exchanged, put back, freed with the last of them.
import { loadOnnxModel, onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { OnnxBackend } from '@polyak/backend-onnx';
import { observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';
import { float32, over, refusal } from './tensors.js';

let backend: OnnxBackend;
beforeAll(async () => {
  backend = await onnxBackend(ort);
});
afterAll(async () => backend.release());

async function uploaded(...values: number[]): Promise<ort.Tensor> {
  const data = Float32Array.from(values);
  const [made] = await backend.upload([{ dtype: 'float32', shape: [values.length], data }]);
  return made as ort.Tensor;
}

describe('a swap', () => {
  it('exchanges handles, and leaves its own to the caller', async () => {
    const [live, average] = [float32(1, 2), await uploaded(3, 4)];
    const parameter = onnxParameter('p', live);
    expect(await backend.swap([parameter], [average])).toEqual([live]);
    expect(parameter.get()).toBe(average);
    backend.dispose([average]);
    expect(average.data).toEqual(Float32Array.of(3, 4));
    parameter.set(live);
    expect(average.location).toBe('none');
  });

  it('puts back what was set where a parameter refuses', async () => {
    const live = [float32(1), float32(2)];
    const [first, second] = live.map((held, n) => onnxParameter(`p${n}`, held));
    if (first === undefined || second === undefined) throw new Error('unreachable');
    let isRefused = false;
    const refusing = {
      name: second.name,
      identity: second.identity,
      get: () => second.get(),
      set: async (next: ort.Tensor) => {
        if (!isRefused) {
          isRefused = true;
          throw new Error('read only');
        }
        second.set(next);
      },
    };
    await expect(
      (async () => backend.swap([first, refusing], [float32(3), float32(4)]))(),
    ).rejects.toThrow('read only');
    expect([first.get(), second.get()]).toEqual(live);
  });

  it('gives back tensors that another backend made', async () => {
    const other = await onnxBackend(ort);
    const parameter = onnxParameter('p', await uploaded(1, 2));
    const { tensors } = backend.memory();
    const weights = new ParameterSet([parameter], { backend: other });
    const data = Float32Array.of(3, 4);
    await weights.write({ p: { dtype: 'float32', shape: [2], data } });
    expect(parameter.get().data).toEqual(data);
    expect([backend.memory().tensors, other.memory().tensors]).toEqual([tensors - 1, 1]);
    await other.release();
  });
});

describe('a cell', () => {
  it('is its own identity, and the same one each time the model is asked', async () => {
    const scale = modelBytes(
      model({
        nodes: [node('Mul', ['x', 'w'], ['y'])],
        initializers: [tensor('w', [2], [1, 2])],
        inputs: [value('x', [2])],
        outputs: [value('y', [2])],
      }),
    );
    const loaded = await loadOnnxModel(ort, scale);
    const [cell] = loaded.parameters;
    expect(cell?.identity).toBe(cell);
    expect(loaded.initializers.get('w')).toBe(cell);
    await loaded.release();
  });

  it('takes tensors only', () => {
    expect(() => onnxParameter('p', [1, 2] as never)).toThrow(
      '"p": the tensor is an array, expected an ort.Tensor',
    );
    expect(() => onnxParameter(1 as never, float32(1))).toThrow('the name is number');
    expect(() => onnxParameter('p', float32(1)).set(undefined as never)).toThrow(TypeError);
  });

  it('keeps alive what a run reads, although it lets go of it meanwhile', async () => {
    const negative = modelBytes(
      model({
        nodes: [node('Mul', ['x', 'w'], ['y'])],
        initializers: [tensor('w', [2], [-1, -2])],
        inputs: [value('x', [2])],
        outputs: [value('y', [2])],
      }),
    );
    const loaded = await loadOnnxModel(ort, negative, { backend });
    const [weight] = loaded.parameters;
    const read = weight?.get();
    const running = loaded.run({ x: float32(1, 1) });
    weight?.set(float32(0, 0));
    expect((await running)['y']?.data).toEqual(Float32Array.of(-1, -2));
    expect(read?.location).toBe('none');
    await loaded.release();
  });

  it('of a released model keeps nothing alive that is set later', async () => {
    const bytes = modelBytes(
      model({
        nodes: [node('Mul', ['x', 'w'], ['y'])],
        initializers: [tensor('w', [2], [1, 2])],
        inputs: [value('x', [2])],
        outputs: [value('y', [2])],
      }),
    );
    const { tensors } = backend.memory();
    const loaded = await loadOnnxModel(ort, bytes, { backend });
    const params = loaded.parameters;
    const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
    await swa.updateSwa();
    await swa.swapSwaSgd();
    await loaded.release();
    await swa.swapSwaSgd();
    await swa.dispose();
    expect(backend.memory().tensors).toBe(tensors);
  });
});

describe('float16', () => {
  /** 1, 1.5, -2, 65504 and the least number above 0. */
  const BITS = [0x3c00, 0x3e00, 0xc000, 0x7bff, 0x0001];
  const VALUES = [1, 1.5, -2, 65_504, 2 ** -24];

  function halves(bits: readonly number[]): HostTensor {
    return { dtype: 'float16', shape: [bits.length], data: Uint16Array.from(bits) };
  }

  it('keeps averages that float16 cannot hold, through swaps and states', async () => {
    const weight = onnxParameter('weight', over(halves([0x3c00, 0x3c00])));
    const bias = onnxParameter('bias', float32(1, 1));
    const steps = onnxParameter('steps', new ort.Tensor('int64', BigInt64Array.of(1n), [1]));
    const params = [bias, steps, weight];
    const make = (): SWA<ort.Tensor> =>
      new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
    const swa = make();
    const { tensors } = backend.memory();
    await swa.updateSwa();
    weight.set(over(halves([0x3c01, 0x3c00]))); // 1 + 2 ** -10
    bias.set(float32(2, 4));
    steps.set(new ort.Tensor('int64', BigInt64Array.of(7n), [1]));
    await swa.updateSwa();

    const live = params.map((parameter) => parameter.get());
    const state = await swa.stateDict();
    expect(state.averages['swa']?.swaState['weight']).toEqual({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(1 + 2 ** -11, 1),
    });
    for (let round = 0; round < 3; round += 1) {
      await swa.swapSwaSgd();
      // Halfway between 1 and its neighbour: to even.
      expect(await backend.download([weight.get()])).toEqual([halves([0x3c00, 0x3c00])]);
      expect([...bias.get().data]).toEqual([1.5, 2.5]);
      expect([...steps.get().data]).toEqual([7n]);
      expect(await swa.stateDict()).toEqual(state);
      await swa.swapSwaSgd();
      expect(params.map((parameter) => parameter.get())).toEqual(live);
      expect(await swa.stateDict()).toEqual(state);
    }

    const other = make();
    await other.loadStateDict(state);
    expect(await other.stateDict()).toEqual(state);
    for (const each of [swa, other]) await each.updateSwa();
    expect(await other.stateDict()).toEqual(await swa.stateDict());
    for (const each of [swa, other]) await each.dispose();
    expect(backend.memory().tensors).toBe(tensors);
  });

  it('puts nothing in the model and leaks nothing where a swap fails', async () => {
    const weight = onnxParameter('weight', over(halves(BITS)));
    const bias = float32(1);
    let canSet = true;
    const cell = {
      name: 'bias',
      identity: {},
      get: () => bias,
      set: (next: ort.Tensor) => {
        if (!canSet && next !== bias) throw new Error('read only');
      },
    };
    const swa = new SWA(observedOptimizer([{ params: [weight, cell], lr: 0.1 }]), { backend });
    await swa.updateSwa();
    const [live, { tensors }] = [weight.get(), backend.memory()];
    canSet = false;
    await expect(swa.swapSwaSgd()).rejects.toThrow('read only');
    expect(weight.get()).toBe(live);
    expect(swa.isSwapped).toBe(false);
    expect(backend.memory().tensors).toBe(tensors);
    expect((await swa.stateDict()).averages['swa']?.swaState['weight']?.data).toEqual(
      Float32Array.from(VALUES),
    );
    await swa.dispose();
  });

  it('is cast by values, to floating dtypes only', async () => {
    const [wide, narrow] = await backend.cast(
      [
        over(halves(BITS)),
        over({ dtype: 'float64', shape: [1], data: Float64Array.of(1 + 2 ** -11) }),
      ],
      ['float64', 'float16'],
    );
    expect(wide?.data).toEqual(Float64Array.from(VALUES));
    expect(await backend.download([narrow as ort.Tensor])).toEqual([halves([0x3c00])]);
    const steps = new ort.Tensor('int64', BigInt64Array.of(1n), [1]);
    expect(() => backend.cast([steps], ['float32'])).toThrow(refusal('ERR_UNSUPPORTED'));
  });
});
