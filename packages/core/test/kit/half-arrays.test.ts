// The fast conversions agree with the plain ones: all codes one way, every neighbourhood back.
import { halfBits, halfFromFloat, halfToFloat32, halfValue } from '@polyak/core/kit';
import { describe, expect, it } from 'vitest';

const CODES = Uint16Array.from({ length: 2 ** 16 }, (_, code) => code);

/** Each value, the middle of it and the next, and what lies close to both. */
function neighbourhoods(values: Float32Array): Float64Array {
  const sorted = [...values].filter(Number.isFinite);
  return Float64Array.from(
    sorted.flatMap((value, index) => {
      const middle = (value + (sorted[index + 1] ?? value)) / 2;
      const nudge = Math.abs(middle) * 2 ** -50;
      return [value, middle, middle - nudge, middle + nudge];
    }),
  );
}

describe.each(['float16', 'bfloat16'] as const)('%s in arrays', (dtype) => {
  it('has the value of every code', () => {
    const values = halfToFloat32(dtype, CODES);
    const wrong = CODES.find((code) => !Object.is(values[code], halfValue(dtype, code)));
    expect(wrong).toBeUndefined();
  });

  it('rounds float64 once, to nearest and ties to even', () => {
    const values = Float64Array.from([
      ...neighbourhoods(halfToFloat32(dtype, CODES)),
      0,
      -0,
      1e-300,
      -1e-300,
      1e300,
      -1e300,
      65519.999999,
      65520,
      3.39e38,
      Infinity,
      -Infinity,
    ]);
    const bits = halfFromFloat(dtype, values);
    const wrong = values.find((value, index) => bits[index] !== halfBits(dtype, value));
    expect(wrong).toBeUndefined();
  });

  it('rounds float32 in a view', () => {
    const buffer = Float32Array.of(7, 1.00048828125, 1 + 3 * 2 ** -11, NaN, -Infinity, 2 ** -25);
    const view = buffer.subarray(1);
    expect([...halfFromFloat(dtype, view)]).toEqual(
      Array.from(view, (value) => halfBits(dtype, value)),
    );
  });

  it('rounds each NaN to NaN, of float32 and of float64', () => {
    const words = Uint32Array.of(0x7fff_ffff, 0xffff_ffff, 0x7f80_0001, 0xff80_0001, 0x7fc0_0000);
    const values = new Float32Array(words.buffer);
    for (const given of [values, Float64Array.from(values)]) {
      const bits = halfFromFloat(dtype, given);
      expect(Array.from(bits, (code) => halfValue(dtype, code))).toEqual(Array(5).fill(NaN));
    }
  });

  it('keeps every number through float32 and back', () => {
    const numbers = CODES.filter((code) => !Number.isNaN(halfValue(dtype, code)));
    expect(halfFromFloat(dtype, halfToFloat32(dtype, numbers))).toEqual(numbers);
  });
});
