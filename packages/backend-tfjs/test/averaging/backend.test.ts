// What the conformance suite cannot see: exact roundings, who shares which data, scopes, and what
// tfjs keeps alive.
import { tfjsBackend } from '@polyak/backend-tfjs';
import { PolyakError } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { liveParameter, variableOf } from '../../../../tests/support/tfjs/live-parameter.js';
import { averagesOf, host, moved } from './moved.js';
import { averaged, compensated } from './rounding.js';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

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
      const averages = averagesOf(moved(backend, backend.upload([average]), [variable], weight));
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
    const [start, carried] = backend.upload([average, residual]);
    if (start === undefined || carried === undefined) throw new Error('nothing uploaded');
    const result = await backend.average([
      { average: start, residual: carried, live: variable, weight: 1e-3 },
    ]);
    if (result.kind !== 'averaged') throw new Error('refused');
    const pair = result.items.flatMap((item) => [item.average, item.residual as tf.Tensor]);
    const [sums, errors] = await backend.download(pair);
    const expected = Array.from(average.data, (a, i) =>
      compensated(a, residual.data[i] as number, live.data[i] as number, 1e-3),
    );
    expect([...(sums?.data ?? [])]).toEqual(expected.map(([sum]) => sum));
    expect([...(errors?.data ?? [])]).toEqual(expected.map(([, error]) => error));
    backend.dispose([...pair, variable]);
  });

  it('keeps averages through tidy and engine scopes', async () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(5, 1));
    const averages: tf.Tensor[] = [];
    tf.tidy(() => {
      averages.push(...averagesOf(moved(backend, backend.clone([live]), [live], 0.5)));
      moved(backend, averages, [live], 0.5);
    });
    tf.engine().startScope();
    moved(backend, averages, [live], 0.5);
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
      averages = averagesOf(moved(backend, averages, live(), 0.25));
      await backend.allFinite(live());
      await backend.download(averages);
      const kept = await backend.swap(parameters, averages);
      backend.dispose([...(await backend.swap(parameters, kept)), ...kept]);
    }
    expect(memory()).toEqual(held);
    backend.dispose(averages);
    backend.dispose(averages);
    expect(memory()).toEqual(before);
    backend.dispose(live());
  });

  it('swaps by reference: contents are shared, variables stay', async () => {
    const backend = tfjsBackend(tf);
    const parameter = liveParameter('p', host(1000, 1));
    const [live, averages] = [parameter.get(), backend.upload([host(1000, 2)])];
    const [liveData, averageData] = [live.dataId, averages[0]?.dataId];
    const held = await backend.swap([parameter], averages);
    expect(parameter.get()).toBe(live);
    expect(live.dataId).toBe(averageData);
    expect(averages[0]?.dataId).toBe(averageData);
    expect(held[0]?.dataId).toBe(liveData);
    backend.dispose([...held, ...averages, live]);
  });

  it('never writes into storage that a model shares, in either direction', async () => {
    const backend = tfjsBackend(tf);
    const parameter = liveParameter('p', host(50, 1));
    const averages = backend.upload([host(50, 2)]);
    const held = await backend.swap([parameter], averages);
    const other = variableOf(host(50, 3));
    moved(backend, averages, [other], 0.5);
    expect([...(await parameter.get().data())]).toEqual([...host(50, 2).data]);
    backend.dispose([...(await backend.swap([parameter], held))]);
    moved(backend, held, [other], 0.5);
    expect([...(await parameter.get().data())]).toEqual([...host(50, 1).data]);
    backend.dispose([...held, ...averages, other, parameter.get()]);
  });

  it('changes nothing where some averages would not be finite, and says which', async () => {
    const backend = tfjsBackend(tf);
    const starts = [1, 2, 3, 4].map((seed) => host(40 * seed, seed));
    const lives = starts.map(({ data, ...rest }, n) => {
      const bad = n % 2 === 1 ? [NaN, Infinity][(n - 1) / 2] : undefined;
      return variableOf({ ...rest, data: data.map((x, i) => (i === 30 ? (bad ?? 2 * x) : 2 * x)) });
    });
    const averages = backend.upload(starts);
    const residuals = backend.upload(
      starts.map((tensor) => ({ ...tensor, data: tensor.data.map(() => 0) })),
    );
    const before = memory();
    const items = averages.map((average, n) => ({
      average,
      live: lives[n] as tf.Tensor,
      weight: 0.5,
      ...(n >= 2 && backend.canCompensate ? { residual: residuals[n] as tf.Tensor } : {}),
    }));
    expect(await backend.average(items)).toEqual({ kind: 'refused', nonFinite: [1, 3] });
    expect(memory()).toEqual(before);
    expect((await backend.download(averages)).map(({ data }) => [...data])).toEqual(
      starts.map(({ data }) => [...data]),
    );
    const made = await backend.average(items, { allowNonFinite: true });
    if (made.kind !== 'averaged') throw new Error('refused');
    expect(made.items.map(({ isFinite }) => isFinite)).toEqual([true, false, true, false]);
    expect(memory()).toEqual(before);
    backend.dispose([...averages, ...residuals, ...lives]);
  });

  it('says of each average whether the live tensor differed from it', async () => {
    const backend = tfjsBackend(tf);
    const starts = [host(300, 1), host(300, 2), { ...host(0, 3), data: new Float32Array(0) }];
    const averages = backend.upload(starts);
    const lives = starts.map(({ data, ...rest }, n) =>
      variableOf({ ...rest, data: data.map((x, i) => (n === 1 && i === 299 ? x + 1 : x)) }),
    );
    const items = moved(backend, averages, lives, 0.25);
    expect(items.map(({ hasMoved }) => hasMoved)).toEqual([false, true, false]);
    expect(items.map(({ isFinite }) => isFinite)).toEqual([true, true, true]);
    backend.dispose([...averages, ...lives]);
  });

  it('is synchronous: no method returns a promise', () => {
    const backend = tfjsBackend(tf);
    expect(backend.isSynchronous).toBe(true);
    const parameter = liveParameter('p', host(5, 1));
    const averages = backend.clone([parameter.get()]);
    const results = [
      backend.download(averages),
      backend.allFinite(averages),
      backend.average([{ average: averages[0] as tf.Tensor, live: parameter.get(), weight: 1 }]),
      backend.swap([parameter], averages),
    ];
    expect(results.filter((result) => result instanceof Promise)).toEqual([]);
    backend.dispose([...(results[3] as readonly tf.Tensor[]), ...averages, parameter.get()]);
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
    expect(() => backend.average([])).toThrow(refusal);
    expect(() => backend.download(averages)).toThrow(refusal);
    backend.dispose(averages);
    await tf.setBackend(runtime);
  });

  it('refuses what is not TensorFlow.js, and averages that it has not made', () => {
    for (const other of [undefined, null, {}, 'tf']) {
      expect(() => tfjsBackend(other as typeof tf)).toThrow(/^tfjsBackend: the first/);
    }
    const tensor = tf.tensor1d([1]);
    const items = [{ average: tensor, live: tensor, weight: 1 }];
    expect(() => tfjsBackend(tf).average(items)).toThrow(TypeError);
    tensor.dispose();
  });

  it('refuses a backend of 16-bit floats, which would lose averages', () => {
    vi.spyOn(tf.backend(), 'floatPrecision').mockReturnValueOnce(16);
    expect(() => tfjsBackend(tf)).toThrow(PolyakError);
  });
});
