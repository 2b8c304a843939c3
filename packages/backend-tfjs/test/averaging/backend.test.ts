// What the conformance suite cannot see: exact roundings, who shares which data, scopes, and what tfjs keeps alive.
import { tfjsBackend } from '@polyak/backend-tfjs';
import type { HostTensor } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { liveParameter, variableOf } from '../../../../tests/support/tfjs/live-parameter.js';
import { averaged, compensated, manyMagnitudes } from './rounding.js';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

function host(length: number, seed: number): HostTensor & { readonly data: Float32Array } {
  return { dtype: 'float32', shape: [length], data: manyMagnitudes(length, seed) };
}

function bitsOf(data: Float32Array): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
}

function memory(): { tensors: number; bytes: number } {
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, bytes: numBytes };
}

describe.each(RUNTIMES)('tfjsBackend on %s', (runtime) => {
  useRuntime(runtime);

  it('is named after the backend that runs', () => {
    expect(tfjsBackend(tf).name).toBe(`tfjs:${runtime}`);
  });

  it.each([0, 1e-4, 1 / 3, 0.5, 0.9, 1])(
    'rounds each operation to float32, weight %f',
    async (weight) => {
      const backend = tfjsBackend(tf);
      const [average, live] = [host(10_007, 1), host(10_007, 2)];
      const variable = variableOf(live);
      const averages = backend.average(backend.upload([average]), [variable], weight);
      const expected = average.data.map((a, i) => averaged(a, live.data[i] as number, weight));
      expect(bitsOf((await backend.download(averages))[0]?.data as Float32Array)).toEqual(
        bitsOf(expected),
      );
      backend.dispose([...averages, variable]);
    },
  );

  it('compensates bit for bit as the formula says', async () => {
    const backend = tfjsBackend(tf);
    const [average, live] = [host(10_007, 3), host(10_007, 4)];
    const residual = { ...average, data: average.data.map((a) => a * 2 ** -25) };
    const variable = variableOf(live);
    const moved = backend.averageCompensated?.(
      backend.upload([average]),
      backend.upload([residual]),
      [variable],
      1e-3,
    );
    if (moved === undefined) throw new Error(`${runtime} has no compensated accumulator.`);
    const [sums, errors] = await backend.download([...moved.averages, ...moved.residuals]);
    const expected = Array.from(average.data, (a, i) =>
      compensated(a, residual.data[i] as number, live.data[i] as number, 1e-3),
    );
    expect([...(sums?.data ?? [])]).toEqual(expected.map(([sum]) => sum));
    expect([...(errors?.data ?? [])]).toEqual(expected.map(([, error]) => error));
    backend.dispose([...moved.averages, ...moved.residuals, variable]);
  });

  it('keeps averages through tidy and engine scopes', async () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(5, 1));
    const averages: tf.Variable[] = [];
    tf.tidy(() => {
      averages.push(...backend.average(backend.clone([live]), [live], 0.5));
      backend.average(averages, [live], 0.5);
    });
    tf.engine().startScope();
    backend.average(averages, [live], 0.5);
    tf.engine().endScope();
    expect(averages[0]?.isDisposed).toBe(false);
    expect([...((await averages[0]?.data()) ?? [])]).toEqual([...host(5, 1).data]);
    backend.dispose([...averages, live]);
  });

  it('makes averages that no optimizer trains', () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(3, 1));
    const averages = backend.clone([live]);
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(live)).asScalar());
    expect(Object.keys(grads)).toEqual([live.name]);
    tf.dispose(grads);
    backend.dispose([...averages, live]);
  });

  it('keeps no tensor and no byte alive', async () => {
    const backend = tfjsBackend(tf);
    const parameters = [1, 2, 3].map((seed) => liveParameter(`p${seed}`, host(1000 * seed, seed)));
    const live = (): tf.Tensor[] => parameters.map((parameter) => parameter.get());
    const before = memory();
    let averages: readonly tf.Tensor[] = backend.clone(live());
    const held = memory();
    for (let n = 0; n < 5; n += 1) {
      averages = backend.average(averages, live(), 0.25);
      await backend.allFinite(live());
      await backend.download(averages);
      averages = await backend.swap(parameters, await backend.swap(parameters, averages));
    }
    expect(memory()).toEqual(held);
    backend.dispose(averages);
    backend.dispose(averages);
    expect(memory()).toEqual(before);
    backend.dispose(live());
  });

  it('swaps by reference: the contents change places, the variables stay', async () => {
    const backend = tfjsBackend(tf);
    const parameter = liveParameter('p', host(1000, 1));
    const [live, averages] = [parameter.get(), backend.upload([host(1000, 2)])];
    const [liveData, averageData] = [live.dataId, averages[0]?.dataId];
    const held = await backend.swap([parameter], averages);
    expect(parameter.get()).toBe(live);
    expect(live.dataId).toBe(averageData);
    expect(held[0]?.dataId).toBe(liveData);
    backend.dispose([...held, live]);
  });

  it('swaps parameters that are no variables through their set, all or nothing', async () => {
    const backend = tfjsBackend(tf);
    const before = memory();
    const plain = { name: 'plain', tensor: tf.tensor1d([1, 2]) as tf.Tensor, canSet: true };
    const cell = {
      name: plain.name,
      get: () => plain.tensor,
      set: async (tensor: tf.Tensor) => {
        if (!plain.canSet) throw new Error('read only');
        plain.tensor = tensor;
      },
    };
    const variable = liveParameter('variable', host(2, 1));
    const averages = backend.upload([host(2, 2), host(2, 3)]);
    const bytes = async (): Promise<readonly unknown[]> =>
      (await backend.download([variable.get(), plain.tensor, ...averages])).map(({ data }) => [
        ...data,
      ]);
    const old = await bytes();
    plain.canSet = false;
    await expect(backend.swap([variable, cell], averages)).rejects.toThrow('read only');
    expect(await bytes()).toEqual(old);

    plain.canSet = true;
    const held = await backend.swap([variable, cell], averages);
    expect(
      (await backend.download([variable.get(), plain.tensor])).map(({ data }) => [...data]),
    ).toEqual(old.slice(2));
    expect((await backend.download(held)).map(({ data }) => [...data])).toEqual(old.slice(0, 2));
    backend.dispose([
      ...(await backend.swap([variable, cell], held)),
      variable.get(),
      plain.tensor,
    ]);
    expect(memory()).toEqual(before);
  });

  it('maps int32 and bool to the arrays of their dtypes', async () => {
    const backend = tfjsBackend(tf);
    const tensors = [tf.tensor1d([1, -2], 'int32'), tf.tensor1d([true, false], 'bool')];
    const copies = backend.clone(tensors);
    expect(await backend.download(copies)).toEqual([
      { dtype: 'int32', shape: [2], data: Int32Array.of(1, -2) },
      { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
    ]);
    backend.dispose([...copies, ...tensors]);
  });

  it('refuses tensors of strings and complex numbers', () => {
    const backend = tfjsBackend(tf);
    const text = tf.tensor1d(['a']);
    expect(() => backend.spec(text)).toThrow(
      expect.objectContaining({ name: 'PolyakError', code: 'ERR_UNSUPPORTED' }),
    );
    text.dispose();
  });

  it('refuses to work once another tfjs backend is active, but still disposes', async () => {
    const backend = tfjsBackend(tf);
    const averages = backend.upload([host(3, 1)]);
    const other = runtime === 'cpu' ? 'wasm' : 'cpu';
    await import(`@tensorflow/tfjs-backend-${other}`);
    await tf.setBackend(other);
    const refusal = expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as unknown as Error;
    expect(() => backend.clone(averages)).toThrow(refusal);
    expect(() => backend.average(averages, averages, 0.5)).toThrow(refusal);
    await expect(backend.download(averages)).rejects.toThrow(refusal);
    backend.dispose(averages);
    await tf.setBackend(runtime);
  });

  it('refuses a backend of 16-bit floats, which would lose averages', () => {
    vi.spyOn(tf.backend(), 'floatPrecision').mockReturnValueOnce(16);
    expect(() => tfjsBackend(tf)).toThrow(PolyakError);
  });
});

describe('on cpu, where tensors alias arrays', () => {
  useRuntime('cpu');

  it('never writes into an array that the caller gave to tf.tensor', async () => {
    const backend = tfjsBackend(tf);
    const array = Float32Array.of(1, 2, 3);
    const tensor = tf.tensor1d(array);
    const live = tf.variable(tensor);
    tensor.dispose();
    const averages = backend.clone([live]);
    // The model moves on, and nothing but the average could still hold the array.
    live.assign(tf.tensor1d([5, 6, 7]));
    backend.average(averages, [live], 0.5);
    expect([...array]).toEqual([1, 2, 3]);
    expect(await averages[0]?.data()).toEqual(Float32Array.of(3, 4, 5));
    backend.dispose([...averages, live]);
  });

  it('never writes into what dataSync gave while the averages were in the model', async () => {
    const backend = tfjsBackend(tf);
    const parameter = liveParameter('p', host(4, 1));
    let averages: readonly tf.Tensor[] = backend.upload([host(4, 2)]);
    averages = await backend.swap([parameter], averages);
    const saved = parameter.get().dataSync();
    averages = await backend.swap([parameter], averages);
    averages = backend.average(averages, [parameter.get()], 0.5);
    expect(saved).toEqual(host(4, 2).data);
    backend.dispose([...averages, parameter.get()]);
  });

  it('never writes into an average that the user has cloned', () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(4, 1));
    const averages = backend.upload([host(4, 2)]);
    const copy = tf.clone(averages[0] as tf.Tensor);
    backend.average(averages, [live], 0.5);
    expect(copy.dataSync()).toEqual(host(4, 2).data);
    tf.dispose([...averages, live, copy]);
  });

  it('updates in place once the array is its own', () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(4, 1));
    const averages = backend.clone([live]);
    const array = averages[0]?.dataSync();
    backend.average(averages, [live], 0.5);
    expect(averages[0]?.dataSync()).toBe(array);
    backend.dispose([...averages, live]);
  });
});
