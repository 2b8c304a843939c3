// float16 and bfloat16 against what IEEE 754 says of rounding.
import { describe, expect, it } from 'vitest';
import { fromHalf, toHalf } from '../src/half-floats.js';

describe('half floats', () => {
  it('come back to the bit', () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const bits = Uint16Array.from({ length: 2 ** 16 }, (_, code) => code);
      const back = toHalf(dtype, Float64Array.from(fromHalf(dtype, bits)));
      const isNan = fromHalf(dtype, bits).map(Number.isNaN as never);
      expect(bits.filter((code, index) => isNan[index] === 0 && code !== back[index])).toEqual(
        new Uint16Array(),
      );
    }
  });

  it('round to nearest, ties to even, small and large', () => {
    const bitsOf = (dtype: 'float16' | 'bfloat16', values: readonly number[]): number[] => [
      ...toHalf(dtype, Float64Array.from(values)),
    ];
    const tiny = 2 ** -24;
    expect(
      bitsOf('float16', [tiny / 2, tiny * 0.50001, tiny * 1.5, 65519.99, 65520, -65504, NaN, -0]),
    ).toEqual([0, 1, 2, 0x7bff, 0x7c00, 0xfbff, 0x7e00, 0x8000]);
    expect(
      bitsOf('float16', [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -40, 2 - 2 ** -12]),
    ).toEqual([0x3c00, 0x3c02, 0x3c01, 0x4000]);
    expect(bitsOf('bfloat16', [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, 3.5e38, 5e-324])).toEqual([
      0x3f80, 0x3f80, 0x3f82, 0x7f80, 0x7f80, 0,
    ]);
  });
});
