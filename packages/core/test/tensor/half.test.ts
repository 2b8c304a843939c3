// Half-precision weights: their averages are float32, and the model is shown rounded copies.
import { observedOptimizer, SWA } from '@polyak/core';
import type { DType, HostTensor, Parameter } from '@polyak/core/interfaces';
import { halfBits, halfValue } from '@polyak/core/kit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';

/** Two elements, the second the first's negative. */
function pair(dtype: 'float16' | 'bfloat16', value: number): HostTensor {
  const data = Uint16Array.of(halfBits(dtype, value), halfBits(dtype, -value));
  return { dtype, shape: [2], data };
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

  it('are refused of another dtype', () => {
    expect(() => halfBits('float32', 1)).toThrow('float32 is not half precision');
    expect(() => halfValue('int32', 1)).toThrow(TypeError);
  });

  it.each(['float16', 'bfloat16'] as const)('of %s are the number and back', (dtype) => {
    const all = Array.from({ length: 2 ** 16 }, (_, bits) => bits);
    const numbers = all.filter((bits) => !Number.isNaN(halfValue(dtype, bits)));
    expect(numbers.filter((bits) => halfBits(dtype, halfValue(dtype, bits)) !== bits)).toEqual([]);
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
        fc.asyncProperty(numbers, fc.boolean(), async (visited, compensated) => {
          const backend = halfBackend();
          const parameter = halfParameter('weight', pair(dtype, 0));
          const swa = new SWA(observedOptimizer([{ params: [parameter], lr: 0.1 }]), {
            backend,
            compensated,
          });
          for (const value of visited) {
            await parameter.set(pair(dtype, value));
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
          expect([...parameter.get().data]).toEqual(
            Array.from(data as Float32Array, (value) => halfBits(dtype, value)),
          );
          await swa.swapSwaSgd();
          expect(parameter.get()).toEqual(live);
          expect(await swa.stateDict()).toEqual(state);
        }),
        { numRuns: 50 },
      );
    },
  );

  it('keeps the averages of a swap that was undone, and no rounded copy of them', async () => {
    const backend = halfBackend();
    const cells = ['input', 'output'].map((name) => halfParameter(name, pair('float16', 1)));
    const swa = new SWA(observedOptimizer([{ params: cells, lr: 0.1 }]), { backend });
    await swa.updateSwa();
    const later = pair('float16', 1 + 2 ** -10);
    for (const cell of cells) await cell.set(later);
    await swa.updateSwa();
    const output = cells[1] as Parameter<HostTensor>;
    const { set } = output;
    const tensors = backend.memory().tensors;
    output.set = () => {
      output.set = set;
      throw new Error('read-only');
    };
    await expect(swa.swapSwaSgd()).rejects.toThrow('read-only');
    expect(cells.map((cell) => cell.get())).toEqual([later, later]);
    expect(backend.memory().tensors).toBe(tensors);
    // Between two float16: rounded, it would be 1.
    expect((await swa.stateDict()).averages['swa']?.swaState['input']?.data).toEqual(
      Float32Array.of(1 + 2 ** -11, -1 - 2 ** -11),
    );
  });
});
