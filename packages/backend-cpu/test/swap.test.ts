// A swap is a loan of bits, and is all or nothing.
import * as fc from 'fast-check';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { arrayOf } from '@polyak/core/interfaces';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { DType, HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { vector } from './data.js';

const DTYPES: readonly DType[] = [
  'float64',
  'float32',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

function fromBytes(dtype: DType, source: Uint8Array): HostTensor {
  const Elements = arrayOf(dtype);
  const data = new Elements(
    source.slice().buffer,
    0,
    Math.floor(source.length / Elements.BYTES_PER_ELEMENT),
  );
  return { dtype, shape: [data.length], data };
}

function bytes({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

function upload(backend: CpuBackend, tensor: HostTensor): HostTensor {
  const [uploaded] = backend.upload([tensor]);
  if (uploaded === undefined) throw new Error('nothing uploaded');
  return uploaded;
}

function float32(...values: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

describe.each(['wasm', 'js'] as const)('swap on the %s backend', (kernel) => {
  it('gives all bits of every dtype, and takes them back', async () => {
    const backend = cpuBackend({ kernel });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...DTYPES),
        fc.tuple(
          fc.uint8Array({ maxLength: 300 }),
          fc.uint8Array({ minLength: 300, maxLength: 300 }),
        ),
        async (dtype, [first, second]) => {
          const live = fromBytes(dtype, first);
          const average = upload(backend, fromBytes(dtype, second.subarray(0, first.length)));
          const [liveBytes, averageBytes] = [bytes(live), bytes(average)];
          const cell = parameter('w', live);
          const held = await backend.swap([cell], [average]);
          expect(bytes(live)).toEqual(averageBytes);
          expect(bytes(average)).toEqual(averageBytes);
          expect(held.map(bytes)).toEqual([liveBytes]);
          const shown = await backend.swap([cell], held);
          expect(bytes(live)).toEqual(liveBytes);
          expect(shown.map(bytes)).toEqual([averageBytes]);
          backend.dispose([average, ...held, ...shown]);
          expect(backend.memory().tensors).toBe(0);
        },
      ),
    );
  });

  it('keeps payloads of NaN, signalling ones too, and -0', async () => {
    const backend = cpuBackend({ kernel });
    const patterns = Uint32Array.of(
      0x7fc0_0001,
      0x7fa5_a5a5,
      0xffbf_ffff,
      0x8000_0000,
      0x0000_0001,
    );
    const live = fromBytes('float32', new Uint8Array(patterns.buffer));
    const average = upload(backend, float32(1, 2, 3, 4, 5));
    const [held = average] = await backend.swap([parameter('w', live)], [average]);
    expect([...new Uint32Array(bytes(held).buffer)]).toEqual([...patterns]);
    expect([...live.data]).toEqual([1, 2, 3, 4, 5]);
  });

  it('returns a plain value where every set does', () => {
    const backend = cpuBackend({ kernel });
    const live = float32(1);
    const held = backend.swap([parameter('w', live)], [float32(2)]);
    expect(held).toMatchObject([{ dtype: 'float32', shape: [1] }]);
    expect(live.data[0]).toBe(2);
  });

  it('sets a cell that gives out copies', async () => {
    const backend = cpuBackend({ kernel });
    let held = [1, 2];
    const cell: Parameter<HostTensor> = {
      name: 'w',
      identity: {},
      get: () => float32(...held),
      set: async ({ data }) => {
        await Promise.resolve();
        held = Array.from(data, Number);
      },
    };
    const average = upload(backend, float32(3, 4));
    const [before] = await backend.swap([cell], [average]);
    expect(held).toEqual([3, 4]);
    expect([...(before?.data ?? [])]).toEqual([1, 2]);
    expect([...average.data]).toEqual([3, 4]);
  });

  it('exchanges nothing where a set fails, in cells that give out copies too', async () => {
    const backend = cpuBackend({ kernel });
    let copied = [1];
    const copying: Parameter<HostTensor> = {
      name: 'copying',
      identity: {},
      get: () => float32(...copied),
      set: ({ data }) => {
        copied = Array.from(data, Number);
      },
    };
    const shared = float32(2);
    let attempts = 0;
    const failing: Parameter<HostTensor> = {
      name: 'failing',
      identity: {},
      get: () => float32(3),
      set: async () => {
        attempts += 1;
        if (attempts === 1) return Promise.reject(new Error('refused'));
      },
    };
    const untouched = float32(4);
    const averages = backend.upload([float32(10), float32(20), float32(30), float32(40)]);
    const cells = [
      copying,
      parameter('shared', shared),
      failing,
      parameter('untouched', untouched),
    ];
    await expect(backend.swap(cells, averages)).rejects.toThrow('refused');
    expect(backend.memory().tensors).toBe(4);
    expect(copied).toEqual([1]);
    expect([...shared.data, ...untouched.data]).toEqual([2, 4]);
    expect(averages.map(({ data }) => data[0])).toEqual([10, 20, 30, 40]);
  });

  it('names the parameters that could not be put back', async () => {
    const backend = cpuBackend({ kernel });
    let calls = 0;
    const once: Parameter<HostTensor> = {
      name: 'once',
      identity: {},
      get: () => float32(1),
      set: () => {
        calls += 1;
        if (calls > 1) throw new Error('only once');
      },
    };
    const failing: Parameter<HostTensor> = {
      name: 'failing',
      identity: {},
      get: () => float32(2),
      set: () => {
        throw new Error('refused');
      },
    };
    const averages = backend.upload([float32(10), float32(20)]);
    const error = errorOf(() => backend.swap([once, failing], averages));
    expect(error).toBeInstanceOf(AggregateError);
    expect(String(error)).toContain('"once"');
    expect(error).toMatchObject({
      errors: [{ message: 'refused' }, { message: 'refused' }, { message: 'only once' }],
    });
    expect(backend.memory().tensors).toBe(2);
    expect(averages.map(({ data }) => data[0])).toEqual([10, 20]);
  });

  it('lends to views of one buffer', async () => {
    const backend = cpuBackend({ kernel });
    const buffer = Float32Array.of(1, 2, 3, 4, 5);
    const cells = [
      parameter('a', vector(buffer.subarray(1, 3))),
      parameter('b', vector(buffer.subarray(3, 5))),
    ];
    const averages = backend.upload([float32(7, 8), float32(9, 10)]);
    await backend.swap(cells, averages);
    expect([...buffer]).toEqual([1, 7, 8, 9, 10]);
  });

  it('sets back what it has set where a later tensor does not fit', () => {
    const backend = cpuBackend({ kernel });
    const live = float32(1);
    const averages = backend.upload([float32(2), float32(3, 4)]);
    const cells = [parameter('a', live), parameter('b', float32(5))];
    expect(() => backend.swap(cells, averages)).toThrow(
      expect.objectContaining({ code: 'ERR_PARAMETERS' }),
    );
    expect(live.data[0]).toBe(1);
    expect(backend.memory().tensors).toBe(2);
    backend.dispose(averages.slice(1));
    expect(() => backend.swap(cells, averages)).toThrow(
      expect.objectContaining({ code: 'ERR_DISPOSED' }),
    );
    expect([live.data[0], averages[0]?.data[0]]).toEqual([1, 2]);
  });
});

function errorOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
