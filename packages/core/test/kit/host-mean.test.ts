// The mean of tensors that arrive one by one.
import type { HostTensor } from '@polyak/core/interfaces';
import { addToMean, finishMean, startMean } from '@polyak/core/kit';
import { describe, expect, it } from 'vitest';

const MAX = Number.MAX_VALUE;

function float64(...values: readonly number[]): HostTensor {
  return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
}

function meanOf(tensors: readonly HostTensor[]): HostTensor {
  const [first, ...rest] = tensors as [HostTensor, ...HostTensor[]];
  const running = startMean(first);
  rest.forEach((tensor, n) => addToMean(running, tensor, 1 / (n + 2)));
  return finishMean(running);
}

describe('the mean of host tensors', () => {
  it('is rounded once to the dtype of the tensors', () => {
    const data = [1, 2, 4];
    const float32 = data.map((value): HostTensor => {
      return { dtype: 'float32', shape: [2], data: Float32Array.of(value, -value) };
    });
    const third = Math.fround(7 / 3);
    expect(meanOf(float32)).toEqual({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(third, -third),
    });
    for (const [dtype, one, three, two] of [
      ['float16', 0x3c00, 0x4200, 0x4000],
      ['bfloat16', 0x3f80, 0x4040, 0x4000],
    ] as const) {
      const half = (bits: number): HostTensor => ({
        dtype,
        shape: [1],
        data: Uint16Array.of(bits),
      });
      expect(meanOf([half(one), half(three)])).toEqual(half(two));
    }
  });

  it('keeps the rounding errors of float64, so that a thousand values do not drift', () => {
    const values = Array.from({ length: 1000 }, (_, n) => 1e8 + Math.sin(n));
    const small = values.reduce((sum, value) => sum + (value - 1e8), 0) / 1000;
    const mean = meanOf(values.map((value) => float64(value))).data[0] as number;
    expect(Math.abs(mean - 1e8 - small)).toBeLessThan(2e-8);
    const running = startMean(float64(1));
    expect(running.residual).toEqual(Float64Array.of(0));
    addToMean(running, float64(1 + 2 ** -52), 1 / 3);
    expect([running.mean[0], running.residual?.[0]]).toEqual([1, -(2 ** -52) / 3]);
    addToMean(running, float64(1 + 2 ** -52), 1 / 2);
    expect(running.mean[0]).toBe(1 + 2 ** -52);
    expect(startMean({ ...float64(1), dtype: 'float32' }).residual).toBeUndefined();
  });

  it('of the share 1 is the tensor, without a residual', () => {
    const running = startMean(float64(0.1));
    addToMean(running, float64(0.3), 1 / 3);
    addToMean(running, float64(-7.7), 1);
    expect(running.mean).toEqual(Float64Array.of(-7.7));
    expect(running.residual).toEqual(Float64Array.of(0));
    // In float64, 0.42 + (0.92 - 0.42) is less than 0.92.
    const rounding = startMean(float64(0.42));
    addToMean(rounding, float64(0.92), 1);
    expect(rounding.mean).toEqual(Float64Array.of(0.92));
    expect(rounding.residual).toEqual(Float64Array.of(0));
  });

  it('does not overflow, and says where it is not finite', () => {
    const running = startMean(float64(MAX, -Infinity));
    expect(addToMean(running, float64(-MAX, -Infinity), 0.5)).toBe(true);
    expect(running.mean).toEqual(Float64Array.of(0, -Infinity));
    const far = startMean(float64(MAX));
    expect(addToMean(far, float64(-MAX), 0.75)).toBe(true);
    expect([far.mean, far.residual]).toEqual([
      Float64Array.of(MAX * 0.25 - MAX * 0.75),
      Float64Array.of(0),
    ]);
    expect(addToMean(startMean(float64(1, 2)), float64(3, Infinity), 0.5)).toBe(false);
    expect(addToMean(startMean(float64(1, NaN)), float64(3, 4), 0.5)).toBe(false);
  });

  it('has memory of its own', () => {
    const first = float64(1, 2);
    const running = startMean(first);
    const before = finishMean(running);
    addToMean(running, float64(3, 4), 0.5);
    expect([first, before]).toEqual([float64(1, 2), float64(1, 2)]);
    expect(finishMean(running)).toEqual(float64(2, 3));
  });
});
