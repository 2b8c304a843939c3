// Half-precision weights: their averages are float32, and the model is shown rounded copies.
import type { Backend, DType, HostTensor } from '@polyak/core';
import { observedOptimizer, SWA } from '@polyak/core';
import { backendConformance } from '@polyak/core/conformance';
import { hostTensor } from '@polyak/core/internal';
import { halfBits, halfValue } from '@polyak/core/internal';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HalfBackend, HalfTensor } from '../../../tests/support/half-backend.js';
import { halfBackend, halfParameter } from '../../../tests/support/half-backend.js';

function harness(breakIt: (backend: HalfBackend) => Partial<Backend<HalfTensor>> = () => ({})) {
  return () => {
    const backend = halfBackend();
    return {
      backend: { ...backend, ...breakIt(backend) },
      parameter: async (name: string, tensor: HostTensor) =>
        halfParameter(name, (await backend.upload([tensor]))[0] as HalfTensor),
      liveTensors: () => backend.memory().tensors,
    };
  };
}

describe('the bits of half precision', () => {
  it.each([
    ['float16', 1, 0x3c00],
    ['float16', -2, 0xc000],
    ['float16', 65_504, 0x7bff],
    ['float16', 65_519, 0x7bff],
    ['float16', 65_520, 0x7c00],
    ['float16', 2 ** -14, 0x0400],
    ['float16', 2 ** -24, 0x0001],
    ['float16', 2 ** -25, 0x0000],
    ['float16', 1 + 2 ** -11, 0x3c00],
    ['float16', 1 + 3 * 2 ** -11, 0x3c02],
    ['float16', -0, 0x8000],
    ['float16', -Infinity, 0xfc00],
    ['float16', NaN, 0x7e00],
    ['bfloat16', 1, 0x3f80],
    ['bfloat16', 3.140625, 0x4049],
    ['bfloat16', 3.4e38, 0x7f80],
    ['bfloat16', 2 ** -133, 0x0001],
  ] as const)('of %s %d are as in IEEE 754', (dtype, value, bits) => {
    expect(halfBits(dtype, value)).toBe(bits);
  });

  it.each(['float16', 'bfloat16'] as const)('of %s are the number and back', (dtype) => {
    const all = Array.from({ length: 2 ** 16 }, (_, bits) => bits);
    const numbers = all.filter((bits) => !Number.isNaN(halfValue(dtype, bits)));
    expect(numbers.filter((bits) => halfBits(dtype, halfValue(dtype, bits)) !== bits)).toEqual([]);
  });
});

describe('a backend with half precision', () => {
  it.each(backendConformance(harness()))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** One way to be wrong with half precision each. */
const BROKEN: Record<string, (backend: HalfBackend) => Partial<Backend<HalfTensor>>> = {
  'declares half precision without cast': () => ({ cast: undefined as never }),
  'truncates instead of rounding': (backend) => ({
    async cast(tensors, dtypes) {
      const casts = await backend.cast?.(tensors, dtypes);
      if (casts === undefined) return [];
      casts.forEach(({ dtype, inner: { data } }, n) => {
        const wide = tensors[n]?.inner.data;
        if (dtype === 'float32') return;
        data.forEach((bits: number | bigint, i: number) => {
          const [rounded, value] = [halfValue(dtype, Number(bits)), Number(wide?.[i])];
          if (Math.abs(rounded) > Math.abs(value)) data[i] = (Number(bits) - 1) as never;
        });
      });
      return casts;
    },
  }),
  'casts in the wrong order': (backend) => ({
    cast: async (tensors, dtypes) =>
      [...((await backend.cast?.(tensors, dtypes)) ?? [])].toReversed(),
  }),
  'averages in half precision': (backend) => ({
    async average(averages, live, weight) {
      const moved = await backend.average(averages, live, weight);
      moved.forEach(({ inner: { data } }, n) => {
        const dtype = live[n]?.dtype ?? 'float32';
        if (dtype !== 'float16' && dtype !== 'bfloat16') return;
        data.forEach((value: number | bigint, i: number) => {
          data[i] = halfValue(dtype, halfBits(dtype, Number(value))) as never;
        });
      });
      return moved;
    },
  }),
  'never finds NaN in half precision': (backend) => ({
    async allFinite(tensors) {
      const finite = await backend.allFinite(tensors);
      return tensors.map(
        ({ dtype }, n) => dtype === 'float16' || dtype === 'bfloat16' || finite[n] === true,
      );
    },
  }),
};

describe.each(Object.entries(BROKEN))('a backend that %s', (_, breakIt) => {
  it('fails the suite', async () => {
    const results = await Promise.allSettled(
      backendConformance(harness(breakIt)).map(async ({ run }) => run()),
    );
    expect(results.some(({ status }) => status === 'rejected')).toBe(true);
  });
});

describe('SWA of half-precision weights', () => {
  const numbers = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), {
    minLength: 1,
    maxLength: 12,
  });

  it.each(['float16', 'bfloat16'] as const)(
    'averages %s to the mean in float32, shows it rounded',
    async (dtype) => {
      await fc.assert(
        fc.asyncProperty(numbers, fc.boolean(), async (visited, isCompensated) => {
          const backend = halfBackend();
          const make = (value: number): HalfTensor => {
            const tensor = hostTensor(dtype, [2], (index) => value * (1 - 2 * index));
            return backend.upload([tensor])[0] as HalfTensor;
          };
          const parameter = halfParameter('weight', make(0));
          const swa = new SWA(observedOptimizer([{ params: [parameter], lr: 0.1 }]), {
            backend,
            isCompensated,
          });
          for (const value of visited) {
            parameter.set(make(value));
            await swa.updateSwa();
          }
          const state = await swa.stateDict();
          const seen = visited.map((value) => halfValue(dtype, halfBits(dtype, value)));
          const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length;
          const { dtype: kept, data } = (state.averages['swa']?.swaState ?? {})[
            'weight'
          ] as HostTensor;
          expect(kept).toBe('float32' satisfies DType);
          expect(Math.abs(Number(data[0]) - mean)).toBeLessThan(
            1e-6 * (1 + Math.max(...seen.map(Math.abs))),
          );

          const live = parameter.get();
          await swa.swapSwaSgd();
          expect(parameter.get().dtype).toBe(dtype);
          expect([...parameter.get().inner.data]).toEqual(
            Array.from(data as Float32Array, (value) => halfBits(dtype, value)),
          );
          await swa.swapSwaSgd();
          expect(parameter.get()).toBe(live);
          expect(await swa.stateDict()).toEqual(state);
        }),
        { numRuns: 50 },
      );
    },
  );

  it('keeps the averages of a swap that was undone, and no rounded copy of them', async () => {
    const backend = halfBackend();
    const make = (value: number): HalfTensor =>
      backend.upload([hostTensor('float16', [2], () => value)])[0] as HalfTensor;
    const handle = make(1);
    const [input, output] = [halfParameter('input', handle), halfParameter('output', handle)];
    const swa = new SWA(observedOptimizer([{ params: [input, output], lr: 0.1 }]), { backend });
    await swa.updateSwa();
    const later = make(1 + 2 ** -10);
    for (const cell of [input, output]) cell.set(later);
    await swa.updateSwa();
    const { set } = output;
    const tensors = backend.memory().tensors;
    output.set = () => {
      output.set = set;
      throw new Error('read-only');
    };
    await expect(swa.swapSwaSgd()).rejects.toThrow('read-only');
    expect([input.get(), output.get()]).toEqual([later, later]);
    expect(backend.memory().tensors).toBe(tensors);
    // Between two float16: rounded, it would be 1.
    expect((await swa.stateDict()).averages['swa']?.swaState['input']?.data).toEqual(
      Float32Array.of(1 + 2 ** -11, 1 + 2 ** -11),
    );
  });
});
