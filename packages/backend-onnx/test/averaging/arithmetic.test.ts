// What the conformance suite cannot see on cpu: exact roundings, memory of every kind, and what an
// update does to the tensors that it replaces.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { OnnxBackend } from '@polyak/backend-onnx';
import type { HostArray, HostTensor } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { averaged, bitsOf, compensated, manyMagnitudes } from './rounding.js';
import { float32, itemsOf, over, update } from './tensors.js';

/** No multiple of what a kernel takes at a time. */
const LONG = 150_001;
const WEIGHTS = [0, 1e-4, 1 / 3, 0.5, 0.9, 1];

let backend: OnnxBackend;
beforeAll(async () => {
  backend = await onnxBackend(ort);
});
afterAll(async () => backend.release());

describe('an update on cpu', () => {
  it.each(WEIGHTS)(
    'rounds each operation to the dtype of the average, weight %f',
    async (weight) => {
      for (const dtype of ['float32', 'float64'] as const) {
        const [average, live] = [manyMagnitudes(dtype, LONG, 1), manyMagnitudes(dtype, LONG, 2)];
        const moved = await update(backend, await backend.upload([average]), [over(live)], weight);
        const [found] = await backend.download(moved);
        expect(bitsOf(found as HostTensor)).toEqual(bitsOf(averaged(average, live.data, weight)));
      }
    },
  );

  it.each(WEIGHTS)('compensates bit for bit as the formula says, weight %f', async (weight) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const [average, live] = [manyMagnitudes(dtype, LONG, 3), manyMagnitudes(dtype, LONG, 4)];
      const residual = {
        ...average,
        data: (average.data as Float64Array).map((a) => a * 2 ** -25),
      };
      const [averages, residuals] = [
        await backend.upload([average]),
        await backend.upload([residual]),
      ];
      const moved = await update(backend, averages, [over(live)], weight, residuals);
      const expected = compensated(average, residual, live.data, weight);
      expect((await backend.download(moved)).map(bitsOf)).toEqual(expected.map(bitsOf));
    }
  });

  it('averages lists of many sizes and dtypes, each with its own weight', async () => {
    const lengths = [1, 32_000, 0, 7, 31_999, 100_000, 3, 16_001, 1];
    const dtypeOf = (n: number) => (n % 3 === 0 ? 'float64' : 'float32');
    const averages = lengths.map((length, n) => manyMagnitudes(dtypeOf(n), length, n));
    const live = lengths.map((length, n) => manyMagnitudes(dtypeOf(n), length, n + 20));
    const items = itemsOf(await backend.upload(averages), live.map(over), 0);
    const result = await backend.average(items.map((item, n) => ({ ...item, weight: n / 10 })));
    if (result.kind === 'refused') throw new Error('unreachable');
    const found = await backend.download(result.items.map(({ average }) => average));
    expect(found.map(bitsOf)).toEqual(
      averages.map((average, n) => bitsOf(averaged(average, live[n]?.data as HostArray, n / 10))),
    );
    expect(result.items.map(({ hasMoved }) => hasMoved)).toEqual(lengths.map((n) => n > 0));
  });

  it('is refused as a whole where one item would not be finite', async () => {
    const averages = await backend.upload([1, 2, 3].map((n) => manyMagnitudes('float32', 5, n)));
    const before = (await backend.download(averages)).map(bitsOf);
    const { tensors } = backend.memory();
    const bad = float32(1, NaN, 3, 4, 5);
    const items = itemsOf(averages, [float32(1, 2, 3, 4, 5), bad, bad], 0.5);
    expect(await backend.average(items)).toEqual({ kind: 'refused', nonFinite: [1, 2] });
    expect((await backend.download(averages)).map(bitsOf)).toEqual(before);
    expect(backend.memory().tensors).toBe(tensors);
    const result = await backend.average(items, { allowNonFinite: true });
    expect(result).toMatchObject({
      kind: 'averaged',
      items: [{ isFinite: true }, { isFinite: false }, { isFinite: false }],
    });
  });

  it('takes views, and writes into nothing that it was given', async () => {
    const buffer = new Float32Array(12).fill(1);
    const average = over({ dtype: 'float32', shape: [4], data: buffer.subarray(4, 8) });
    const [moved] = await update(backend, [average], [float32(3, 3, 3, 3)], 0.5);
    expect(moved?.data).toEqual(Float32Array.of(2, 2, 2, 2));
    expect([...buffer]).toEqual(Array.from({ length: 12 }, () => 1));
  });

  it('takes live tensors in shared memory, which ORT does not', async () => {
    const data = new Float32Array(new SharedArrayBuffer(8));
    data.set([2, 4]);
    const live = over({ dtype: 'float32', shape: [2], data });
    const [moved] = await update(backend, [float32(0, 0)], [live], 0.5);
    expect(moved?.data).toEqual(Float32Array.of(1, 2));
  });

  it('waits for nothing: no method returns a promise', async () => {
    const parameter = onnxParameter('p', float32(1, 2));
    const uploaded = backend.upload([
      { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) },
    ]);
    const averages = await uploaded;
    const results = [
      uploaded,
      backend.clone(averages),
      backend.cast(averages, ['float16']),
      backend.allFinite(averages),
      backend.download(averages),
      backend.swap([parameter], averages),
      backend.average(itemsOf(averages, averages, 0.5)),
    ];
    expect(backend.isSynchronous).toBe(true);
    expect(results.filter((result) => result instanceof Promise)).toEqual([]);
  });
});

describe('a replaced average', () => {
  it('is disposed of, but for what a model still shows', async () => {
    const [first] = await backend.upload([manyMagnitudes('float32', 4, 1)]);
    if (first === undefined) throw new Error('unreachable');
    const parameter = onnxParameter('p', float32(1, 2, 3, 4));
    await backend.swap([parameter], [first]);
    const shown = bitsOf({ data: first.data as Float32Array });
    const [second] = await update(backend, [first], [float32(5, 6, 7, 8)], 0.5);
    expect(parameter.get()).toBe(first);
    for (let n = 0; n < 3; n += 1) {
      await backend.dispose(
        await update(backend, await backend.clone([second as ort.Tensor]), [first], 0.5),
      );
    }
    expect(bitsOf({ data: first.data as Float32Array })).toBe(shown);
    parameter.set(float32(0, 0, 0, 0));
    expect(first.location).toBe('none');
    const [third] = await update(backend, [second as ort.Tensor], [float32(5, 6, 7, 8)], 0.5);
    expect([second?.location, third?.location]).toEqual(['none', 'cpu']);
  });
});
