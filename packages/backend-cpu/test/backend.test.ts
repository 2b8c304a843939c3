// What the CPU backend promises beside arithmetic: copies, lifetimes, and refusals that change
// nothing.
import { cpuBackend } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { shardedCpuBackend } from '#backend';
import { averaged, itemsOf } from './data.js';

const PAGE = 65_536;

function float32(...values: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

function constant(count: number, value = 1): HostTensor {
  return { dtype: 'float32', shape: [count], data: new Float32Array(count).fill(value) };
}

function clear({ data }: HostTensor): void {
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).fill(0);
}

const ALL: readonly HostTensor[] = [
  { dtype: 'float64', shape: [2, 1], data: Float64Array.of(0.1, -0) },
  { dtype: 'float32', shape: [], data: Float32Array.of(0.5) },
  { dtype: 'float32', shape: [0, 3], data: new Float32Array(0) },
  { dtype: 'int64', shape: [1], data: BigInt64Array.of(-(2n ** 63n)) },
  { dtype: 'uint64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  { dtype: 'int32', shape: [1], data: Int32Array.of(-(2 ** 31)) },
  { dtype: 'uint32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
  { dtype: 'int16', shape: [1], data: Int16Array.of(-5) },
  { dtype: 'uint16', shape: [1], data: Uint16Array.of(65_535) },
  { dtype: 'int8', shape: [1], data: Int8Array.of(-1) },
  { dtype: 'uint8', shape: [3], data: Buffer.from('abc') },
  { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) },
];

const BACKENDS: readonly (readonly [string, () => CpuBackend])[] = [
  ['wasm', () => cpuBackend({ kernel: 'wasm' })],
  ['js', () => cpuBackend({ kernel: 'js' })],
  ['wasm with small shards', () => shardedCpuBackend({ least: 5 * PAGE, most: 5 * PAGE })],
];

describe.each(BACKENDS)('the %s backend', (_name, create) => {
  it('uploads, clones and downloads every dtype as copies', () => {
    const backend = create();
    const uploaded = backend.upload(ALL);
    const cloned = backend.clone(uploaded);
    for (const tensor of uploaded) clear(tensor);
    const downloaded = backend.download(cloned);
    for (const tensor of cloned) clear(tensor);
    for (const [index, tensor] of ALL.entries()) {
      const copy = downloaded[index];
      expect(copy).toMatchObject({ dtype: tensor.dtype, shape: tensor.shape });
      expect([...(copy?.data ?? [])]).toEqual([...tensor.data]);
      expect(copy?.data.buffer).not.toBe(cloned[index]?.data.buffer);
      expect(copy && backend.spec(copy)).toEqual({ dtype: tensor.dtype, shape: tensor.shape });
    }
  });

  it('does not share a shape with its caller', () => {
    const backend = create();
    const shape = [2];
    const [uploaded] = backend.upload([{ dtype: 'int8', shape, data: new Int8Array(2) }]);
    shape[0] = 3;
    expect(uploaded?.shape).toEqual([2]);
  });

  it('takes integers for finite and averages none', () => {
    const backend = create();
    expect(backend.allFinite(ALL)).toEqual(ALL.map(() => true));
    const integers = ALL.slice(3);
    const before = backend.download(integers);
    const items = integers.map((tensor) => ({ average: tensor, live: tensor, weight: 0.5 }));
    expect(() => backend.average(items)).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
    );
    expect(backend.download(integers)).toEqual(before);
  });

  it('counts what is live', () => {
    const backend = create();
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
    const first = backend.upload([float32(1, 2, 3), float32()]);
    expect(backend.memory()).toEqual({ tensors: 2, bytes: 12 });
    const second = backend.clone(first);
    expect(backend.memory()).toEqual({ tensors: 4, bytes: 24 });
    backend.download(second);
    const results = averaged(backend, itemsOf(first, second));
    expect(backend.memory()).toEqual({ tensors: 4, bytes: 24 });
    backend.dispose(results.map(({ average }) => average));
    expect(backend.memory()).toEqual({ tensors: 2, bytes: 12 });
    backend.dispose(second);
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it('refuses tensors that were disposed of, before it writes anything', async () => {
    const backend = create();
    const averages = backend.upload([float32(1), float32(2)]);
    const residuals = backend.upload([float32(0), float32(0)]);
    const live = backend.upload([float32(3), float32(4)]);
    backend.dispose(live.slice(1));
    const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' });
    expect(() => backend.average(itemsOf(averages, live))).toThrow(disposed);
    expect(() => backend.average(itemsOf(live, averages))).toThrow(disposed);
    expect(() => backend.average(itemsOf(averages, live, residuals))).toThrow(disposed);
    expect(() => backend.average(itemsOf(averages, residuals, live))).toThrow(disposed);
    expect(() => backend.clone(live)).toThrow(disposed);
    expect(() => backend.upload(live)).toThrow(disposed);
    expect(() => backend.download(live)).toThrow(disposed);
    expect(() => backend.allFinite(live)).toThrow(disposed);
    const record = { ...(live[1] ?? float32()) };
    expect(() => backend.download([record])).toThrow(disposed);
    expect([...averages, ...residuals].map(({ data }) => data[0])).toEqual([1, 2, 0, 0]);
    expect(live[0]?.data[0]).toBe(3);
    expect(backend.memory().tensors).toBe(5);
  });

  it('refuses to dispose twice, before it frees anything', () => {
    const backend = create();
    const [first, second] = backend.upload([float32(1), float32(2)]) as [HostTensor, HostTensor];
    backend.dispose([first]);
    const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' });
    expect(() => backend.dispose([second, first])).toThrow(disposed);
    expect(() => backend.dispose([second, second])).toThrow(disposed);
    expect(backend.memory().tensors).toBe(1);
    expect(second.data[0]).toBe(2);
    backend.dispose([second]);
    expect(backend.memory().tensors).toBe(0);
  });

  it("leaves the caller's own tensors alone when asked to dispose of them", () => {
    const backend = create();
    const own = float32(1);
    backend.dispose([own]);
    backend.dispose([own]);
    expect([...(backend.download([own])[0]?.data ?? [])]).toEqual([1]);
    expect(backend.memory().tensors).toBe(0);
  });

  it('refuses specs that differ in any pair, before it writes the first', () => {
    const backend = create();
    const averages = backend.upload([float32(1), float32(2, 3)]);
    const live = [float32(5), float32(6)];
    const fitting = [float32(5), float32(6, 7)];
    const differ = expect.objectContaining({ code: 'ERR_PARAMETERS' });
    expect(() => backend.average(itemsOf(averages, live))).toThrow(differ);
    expect(() => backend.average(itemsOf(averages, fitting, live))).toThrow(differ);
    expect(averages[0]?.data[0]).toBe(1);
    expect(backend.memory().tensors).toBe(2);
  });

  it('refuses half precision, and data that is not what its dtype and shape say', () => {
    const backend = create();
    const half: HostTensor = { dtype: 'float16', shape: [1], data: new Uint16Array(1) };
    const unsupported = expect.objectContaining({ code: 'ERR_UNSUPPORTED' });
    expect(() => backend.upload([float32(1), half])).toThrow(unsupported);
    expect(() => backend.average(itemsOf([half], [half]))).toThrow(unsupported);
    expect(() =>
      backend.upload([{ dtype: 'float32', shape: [2], data: new Float32Array(3) }]),
    ).toThrow(RangeError);
    expect(() =>
      backend.upload([{ dtype: 'float32', shape: [2], data: new Float64Array(2) }]),
    ).toThrow(TypeError);
    const transferred = float32(1, 2);
    structuredClone(transferred.data, { transfer: [transferred.data.buffer as ArrayBuffer] });
    const averages = backend.upload([float32(1, 2)]);
    expect(() => backend.average(itemsOf(averages, [transferred]))).toThrow(RangeError);
    expect(backend.memory().tensors).toBe(1);
  });

  it('averages shared memory, and a tensor with itself', () => {
    const backend = create();
    const shared = new Float32Array(new SharedArrayBuffer(12), 4, 2).fill(3);
    const tensor: HostTensor = { dtype: 'float32', shape: [2], data: shared };
    const [first] = averaged(backend, itemsOf(backend.upload([float32(1, 1)]), [tensor]));
    expect([...(first?.average.data ?? [])]).toEqual([2, 2]);
    const [second] = averaged(backend, itemsOf([tensor], [first?.average ?? tensor]));
    expect([...(second?.average.data ?? [])]).toEqual([2.5, 2.5]);
    expect([...shared]).toEqual([3, 3]);
    const own = [second?.average ?? tensor];
    const [third] = averaged(backend, itemsOf(own, own));
    expect([...(third?.average.data ?? [])]).toEqual([2.5, 2.5]);
    expect(third?.hasMoved).toBe(false);
  });

  it('overwrites no neighbour', () => {
    const backend = create();
    const sizes = [1, 3, 15, 16, 17, 33];
    const tensors = backend.upload(sizes.map((size) => constant(size, size)));
    const zeros = sizes.map((size) => constant(size, 0));
    const results = averaged(backend, [
      ...itemsOf(tensors.slice(2, 3), zeros.slice(2, 3)),
      ...itemsOf(tensors.slice(4, 5), zeros.slice(4, 5), backend.upload(zeros.slice(4, 5))),
    ]);
    const all = tensors.filter((_, index) => index !== 2 && index !== 4);
    const moved = results.flatMap(({ average, residual }) =>
      residual === undefined ? [average] : [average, residual],
    );
    expect([...all, ...moved].map(({ data }) => new Set(Array.from(data, Number)))).toEqual(
      [1, 3, 16, 33, 7.5, 8.5, 0].map((value) => new Set([value])),
    );
  });

  it('refuses an update whose result is not finite, and changes nothing', () => {
    const backend = create();
    const averages = backend.upload([float32(1, 2), float32(NaN), float32(5), float32(1, 1, NaN)]);
    const residuals = backend.upload([float32(0.25, 0), float32(0), float32(0), float32(0, 0, 0)]);
    const live = [float32(1, Infinity), float32(-3e38), float32(6), float32(1, 1, 1)];
    const before = backend.download([...averages, ...residuals]);
    const memory = backend.memory();
    for (const items of [itemsOf(averages, live), itemsOf(averages, live, residuals)]) {
      expect(backend.average(items)).toEqual({ kind: 'refused', nonFinite: [0, 1, 3] });
      expect(backend.download([...averages, ...residuals])).toEqual(before);
      expect(backend.memory()).toEqual(memory);
    }
    const [first, second, third] = averaged(backend, itemsOf(averages, live, residuals));
    expect(first).toMatchObject({ isFinite: false, hasMoved: true });
    expect(second).toMatchObject({ isFinite: false, hasMoved: true });
    expect(third).toMatchObject({ isFinite: true, hasMoved: true });
    expect(backend.memory()).toEqual(memory);
  });

  it('gives each item its weight, and lets items share the live tensor', () => {
    const backend = create();
    const live = float32(4, 8);
    const averages = backend.upload([float32(0, 0), float32(0, 0), float32(0, 0)]);
    const items = [0.5, 0.25, 0].map((weight, index) => ({
      average: averages[index] ?? live,
      live,
      weight,
    }));
    const results = averaged(backend, items);
    expect(results.map(({ average }) => [...average.data])).toEqual([
      [2, 4],
      [1, 2],
      [0, 0],
    ]);
    expect(results.map(({ hasMoved }) => hasMoved)).toEqual([true, true, true]);
  });

  it('reads another average as a live tensor as it was before the update', () => {
    const backend = create();
    const [a, b] = backend.upload([float32(1), float32(2)]) as [HostTensor, HostTensor];
    const results = averaged(backend, [
      { average: a, live: b, weight: 1 },
      { average: b, live: a, weight: 1 },
    ]);
    expect(results.map(({ average }) => average.data[0])).toEqual([2, 1]);
  });

  it('consumes the averages that it made, and leaves arrays of the caller as they are', () => {
    const backend = create();
    const own = float32(1);
    const [made] = backend.upload([float32(1)]) as [HostTensor];
    const results = averaged(backend, itemsOf([own, made], [float32(3), float32(3)]));
    expect(own.data[0]).toBe(1);
    expect(() => backend.download([made])).toThrow(
      expect.objectContaining({ code: 'ERR_DISPOSED' }),
    );
    expect(results.map(({ average }) => average.data[0])).toEqual([2, 2]);
    backend.dispose(results.map(({ average }) => average));
    expect(backend.memory().tensors).toBe(0);
  });

  it('holds as many tensors after 100,000 updates as after 10', () => {
    const backend = create();
    let averages = backend.upload([float32(1, 2, 3), float32(4)]);
    let pairs = itemsOf(
      backend.upload([float32(1, 2, 3), float32(4)]),
      averages,
      backend.upload([float32(0, 0, 0), float32(0)]),
    );
    const live = [float32(1.5, 2.5, 3.5), float32(5)];
    const update = (): void => {
      const checked = backend.clone(live);
      backend.allFinite(checked);
      averages = averaged(backend, itemsOf(averages, checked)).map(({ average }) => average);
      pairs = averaged(
        backend,
        pairs.map((item, index) => ({ ...item, live: live[index] ?? item.live })),
      ).map((moved, index) => ({ ...moved, live: live[index] ?? moved.average, weight: 0.001 }));
      backend.dispose(checked);
    };
    for (let count = 0; count < 10; count += 1) update();
    const before = backend.memory();
    for (let count = 10; count < 100_000; count += 1) update();
    expect(backend.memory()).toEqual(before);
  });
});
