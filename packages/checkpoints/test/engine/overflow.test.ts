import { mean, weighted } from '@polyak/checkpoints';
import { describe, expect, it } from 'vitest';
import { checkpointsOf, merged } from './merged.js';
import { vector } from './values.js';

describe('numbers that are not finite', () => {
  it.each(['refuse', 'skip', 'propagate'] as const)(
    'are refused where finite numbers overflow the dtype of the output: %s',
    async (nonFinite) => {
      const float64 = (...values: readonly number[]) => {
        return {
          dtype: 'float64',
          shape: [values.length],
          data: Float64Array.from(values),
        } as const;
      };
      const halves = weighted([0.5, 0.5]);
      const cases = [
        [[vector(Float32Array.of(1, 65_519, -65_520))], mean(1), 'float16', 2],
        [[vector(Float32Array.of(1, 1e10))], mean(1), 'float16', 1],
        [[float64(1, 2, 1e300)], mean(1), 'float32', 2],
        [[float64(1e300)], mean(1), 'bfloat16', 0],
        [[float64(1, 1e308), float64(2, 1.1e308)], weighted([1, 1]), 'float64', 1],
        [[1, 2].map(() => vector(Float32Array.of(1, 70_000))), halves, 'float16', 1],
      ] as const;
      for (const [tensors, method, dtype, element] of cases) {
        const large = tensors.map((w) => ({ a: vector(Float32Array.of(3, 4)), w }));
        const merge = merged(checkpointsOf(large), { method, dtype, nonFinite });
        await expect(merge).rejects.toMatchObject({
          code: 'ERR_NON_FINITE',
          message: expect.stringMatching(
            `finite numbers of "w", element ${element}, is larger than ${dtype} can hold`,
          ) as string,
        });
      }
    },
  );

  it('are not confused with numbers that overflow beside them', async () => {
    const w = vector(Float32Array.of(-Infinity, NaN, 65_519, Infinity));
    const options = { method: mean(1), dtype: 'float16', nonFinite: 'propagate' } as const;
    const { bytes, report } = await merged(checkpointsOf([{ w }]), options);
    expect([...new Uint16Array(bytes.buffer)]).toEqual([0xfc00, 0x7e00, 0x7bff, 0x7c00]);
    expect([...report.nonFinite]).toEqual([['w', 3]]);
    const overflowing = vector(Float32Array.of(Infinity, 65_520));
    await expect(merged(checkpointsOf([{ w: overflowing }]), options)).rejects.toThrow(
      '"w", element 1, is larger than float16 can hold',
    );
    const two = [{ w: vector(Float32Array.of(NaN, NaN)) }, { w: vector(Float32Array.of(1, NaN)) }];
    await expect(
      merged(checkpointsOf(two), { method: mean(2), nonFinite: 'skip' }),
    ).rejects.toThrow('model-0: "w" is NaN at element 1');
  });
});
