// Both engines against the definitions, bit for bit.
import type { SumDType, SumKernels } from '@polyak/backend-cpu/sums';
import { sumKernels } from '@polyak/backend-cpu/sums';
import { describe, expect, it, vi } from 'vitest';
import { JsSums } from '#sums/js-sums.js';
import { WasmSums } from '#sums/wasm-sums.js';
import { difference, fillTame, fillWild } from '../data.js';
import { ENGINES, random } from './engines.js';
import { roundedBits, roundingCases, valueOf } from './formats.js';

const SIZES = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 1023, 4096, 8191];
const MOST = 8192;
const [SUM, VALUES, TARGET] = [64, 64 + 8 * MOST + 64, 64 + 16 * MOST + 128];
const BYTES = TARGET + 8 * MOST + 64;

/** Puts values of a dtype into the memory, and returns what they are. */
const VALUES_OF: Readonly<
  Record<SumDType, (buffer: ArrayBufferLike, count: number, seed: number) => readonly number[]>
> = {
  float64: (buffer, count, seed) => [...fillWild(new Float64Array(buffer, VALUES, count), seed)],
  float32: (buffer, count, seed) => [...fillWild(new Float32Array(buffer, VALUES, count), seed)],
  float16: (buffer, count, seed) =>
    Array.from(random(new Uint16Array(buffer, VALUES, count), seed), (bits) =>
      valueOf('float16', bits),
    ),
  bfloat16: (buffer, count, seed) =>
    Array.from(random(new Uint16Array(buffer, VALUES, count), seed), (bits) =>
      valueOf('bfloat16', bits),
    ),
  float8_e4m3fn: (buffer, count, seed) =>
    Array.from(random(new Uint8Array(buffer, VALUES, count), seed), (bits) =>
      valueOf('float8_e4m3fn', bits),
    ),
  float8_e5m2: (buffer, count, seed) =>
    Array.from(random(new Uint8Array(buffer, VALUES, count), seed), (bits) =>
      valueOf('float8_e5m2', bits),
    ),
};
const DTYPES = Object.keys(VALUES_OF) as readonly SumDType[];

/** What lies around `byteLength` bytes at an address, up to the next operand. */
function around({ bytes }: SumKernels, address: number, byteLength: number): readonly number[] {
  const end = address + byteLength;
  return [...bytes.subarray(address - 16, address), ...bytes.subarray(end, end + 32)];
}

describe.each(ENGINES)('the sums in %s', (_, Sums) => {
  it.each(DTYPES)('add every number of values of %s', (dtype) => {
    const kernels = new Sums(BYTES);
    const { buffer } = kernels.bytes;
    for (const count of SIZES) {
      random(kernels.bytes, count);
      const before = around(kernels, SUM, 8 * count);
      kernels.clear(SUM, count);
      const expected = new Float64Array(count);
      for (const weight of [1, -0.3, 1e300, 0]) {
        const values = VALUES_OF[dtype](buffer, count, count + weight);
        kernels.add(SUM, VALUES, dtype, count, weight);
        for (const [i, value] of values.entries()) {
          expected[i] = (expected[i] ?? NaN) + weight * value;
        }
        const found = new Float64Array(buffer, SUM, count);
        expect(difference(found, expected, `${count} times ${weight}`)).toBeUndefined();
      }
      expect(around(kernels, SUM, 8 * count)).toEqual(before);
    }
  });

  it.each(DTYPES)('widen every value of %s exactly', (dtype) => {
    const kernels = new Sums(BYTES);
    for (const count of SIZES) {
      const values = VALUES_OF[dtype](kernels.bytes.buffer, count, 1);
      const before = around(kernels, TARGET, 8 * count);
      kernels.widen(VALUES, dtype, TARGET, count);
      const found = new Float64Array(kernels.bytes.buffer, TARGET, count);
      expect(difference(found, values)).toBeUndefined();
      expect(around(kernels, TARGET, 8 * count)).toEqual(before);
    }
  });

  it.each(['float16', 'bfloat16', 'float8_e4m3fn', 'float8_e5m2'] as const)(
    'widen all bits of %s',
    (dtype) => {
      const all = dtype.startsWith('float8') ? 256 : 65_536;
      const kernels = new Sums(10 * all);
      const { buffer } = kernels.bytes;
      const bits = all === 256 ? new Uint8Array(buffer, 0, all) : new Uint16Array(buffer, 0, all);
      for (let i = 0; i < all; i += 1) bits[i] = i;
      kernels.widen(0, dtype, 2 * all, all);
      const expected = Float64Array.from(bits, (each) => valueOf(dtype, each));
      expect(difference(new Float64Array(buffer, 2 * all, all), expected)).toBeUndefined();
    },
  );

  it.each(['float16', 'bfloat16'] as const)('round to %s once, ties to even', (dtype) => {
    const values = Float64Array.from(roundingCases(dtype));
    const target = 16 * Math.ceil(values.length / 2);
    const kernels = new Sums(target + 2 * values.length);
    new Float64Array(kernels.bytes.buffer, 0, values.length).set(values);
    expect(kernels.round(0, target, dtype, values.length)).toBe(false);
    const found = new Uint16Array(kernels.bytes.buffer, target, values.length);
    const wrong = values.findIndex((value, i) => found[i] !== roundedBits(dtype, value));
    expect([wrong, values[wrong], found[wrong]]).toEqual([-1, undefined, undefined]);
  });

  it('round random bits of float64 to every dtype', () => {
    const kernels = new Sums(BYTES);
    const { buffer } = kernels.bytes;
    for (const count of SIZES) {
      // Wild ones of float32 have all exponents that matter to the dtypes, float64 all others.
      const sums = new Float64Array(buffer, SUM, count);
      for (const fill of [
        () => fillWild(sums, count),
        () => sums.set(fillWild(new Float32Array(count), count)),
      ]) {
        fill();
        const isFinite = (values: ArrayLike<number>) => Array.from(values).every(Number.isFinite);
        for (const dtype of ['float16', 'bfloat16'] as const) {
          const before = around(kernels, TARGET, 2 * count);
          const bits = Uint16Array.from(sums, (value) => roundedBits(dtype, value));
          const values = Array.from(bits, (each) => valueOf(dtype, each));
          expect(kernels.round(SUM, TARGET, dtype, count)).toBe(isFinite(values));
          expect(new Uint16Array(buffer, TARGET, count)).toEqual(bits);
          expect(around(kernels, TARGET, 2 * count)).toEqual(before);
        }
        const rounded = Float32Array.from(sums);
        expect(kernels.round(SUM, TARGET, 'float32', count)).toBe(isFinite(rounded));
        expect(difference(new Float32Array(buffer, TARGET, count), rounded)).toBeUndefined();
        expect(kernels.round(SUM, TARGET, 'float64', count)).toBe(isFinite(sums));
        expect(difference(new Float64Array(buffer, TARGET, count), sums)).toBeUndefined();
      }
    }
  });

  it('find the one sum that is not finite, at any index', () => {
    const kernels = new Sums(BYTES);
    const count = 39;
    const sums = new Float64Array(kernels.bytes.buffer, SUM, count);
    for (const dtype of ['float64', 'float32', 'float16', 'bfloat16'] as const) {
      for (let i = 0; i < count; i += 1) {
        // The rest of the memory counts for nothing.
        kernels.bytes.fill(0xff);
        sums.fill(-1);
        expect(kernels.round(SUM, TARGET, dtype, count)).toBe(true);
        for (const value of [NaN, Infinity, -Infinity]) {
          sums[i] = value;
          expect(kernels.round(SUM, TARGET, dtype, count), `${value} at ${i}`).toBe(false);
        }
      }
    }
  });

  it('do not remember what was not finite', () => {
    const kernels = new Sums(BYTES);
    const sums = new Float64Array(kernels.bytes.buffer, SUM, 3);
    for (const dtype of ['float64', 'float32', 'float16', 'bfloat16'] as const) {
      sums.set([1, 2, Infinity]);
      expect(kernels.round(SUM, TARGET, dtype, 3)).toBe(false);
      expect(kernels.round(SUM, TARGET, dtype, 2)).toBe(true);
    }
  });

  it.each([2 ** 910, 2 ** 911, -(2 ** 912)])('add float16 with the weight %d', (weight) => {
    const kernels = new Sums(BYTES);
    const { buffer } = kernels.bytes;
    const values = VALUES_OF.float16(buffer, 100, 7);
    kernels.clear(SUM, 100);
    kernels.add(SUM, VALUES, 'float16', 100, weight);
    const expected = values.map((value) => weight * value + 0);
    expect(difference(new Float64Array(buffer, SUM, 100), expected)).toBeUndefined();
  });

  it('take operands up to the end of a memory that leaves little of a page', () => {
    const size = 65_536 - 64;
    const kernels = new Sums(size);
    const sum = size - 8 * 3;
    new Float32Array(kernels.bytes.buffer, 0, 3).set([1, 2, 3]);
    kernels.clear(sum, 3);
    kernels.add(sum, 0, 'float32', 3, 0.5);
    expect([...new Float64Array(kernels.bytes.buffer, sum, 3)]).toEqual([0.5, 1, 1.5]);
  });

  it('round every NaN to the same bits', () => {
    const kernels = new Sums(BYTES);
    const { buffer } = kernels.bytes;
    const bits = [0x7ff0_0000_0000_0001n, 0xfff8_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn];
    new BigUint64Array(buffer, SUM, 3).set(bits);
    kernels.round(SUM, TARGET, 'float64', 3);
    const found = [...new BigUint64Array(buffer, TARGET, 3)];
    expect(found).toEqual(Array(3).fill(0x7ff8_0000_0000_0000n));
    kernels.round(SUM, TARGET, 'float32', 3);
    expect([...new Uint32Array(buffer, TARGET, 3)]).toEqual(Array(3).fill(0x7fc0_0000));
    kernels.round(SUM, TARGET, 'float16', 3);
    expect([...new Uint16Array(buffer, TARGET, 3)]).toEqual(Array(3).fill(0x7e00));
    kernels.round(SUM, TARGET, 'bfloat16', 3);
    expect([...new Uint16Array(buffer, TARGET, 3)]).toEqual(Array(3).fill(0x7fc0));
  });

  it.each(['float64', 'float32', 'float16', 'bfloat16'] as const)(
    'take %s at every address that is a multiple of its size',
    (dtype) => {
      const size = dtype === 'float64' ? 8 : dtype === 'float32' ? 4 : 2;
      const count = 37;
      const kernels = new Sums(BYTES);
      const { bytes } = kernels;
      VALUES_OF[dtype](bytes.buffer, count, 1);
      kernels.clear(SUM, count);
      kernels.add(SUM, VALUES, dtype, count, 0.3);
      kernels.round(SUM, TARGET, dtype, count);
      const [sum, values, target] = [SUM + 8, VALUES + size * 65, TARGET + size * 65];
      bytes.copyWithin(values, VALUES, VALUES + size * count);
      const rounded = bytes.slice(TARGET, TARGET + size * count);
      kernels.clear(sum, count);
      kernels.add(sum, values, dtype, count, 0.3);
      kernels.round(sum, target, dtype, count);
      expect(bytes.slice(target, target + size * count)).toEqual(rounded);
    },
  );

  it('keep what is lost by rounding a sum', () => {
    const kernels = new Sums(BYTES);
    for (const count of SIZES) {
      for (const scale of [1, 2 ** -30, 2 ** 60]) {
        kernels.bytes.fill(0xff);
        const a = Float64Array.from(fillTame(new Float32Array(count), count));
        const b = Float64Array.from(fillTame(new Float32Array(count), count + 1), (x) => x * scale);
        new Float64Array(kernels.bytes.buffer, SUM, count).set(a);
        new Float64Array(kernels.bytes.buffer, VALUES, count).set(b);
        const before = [around(kernels, SUM, 8 * count), around(kernels, VALUES, 8 * count)];
        const isInexact = kernels.addExactly(SUM, VALUES, count);
        const sums = a.map((value, i) => value + (b[i] ?? NaN));
        const lost = sums.map((sum, i) => exactDifference(a[i] ?? NaN, b[i] ?? NaN, sum));
        expect(new Float64Array(kernels.bytes.buffer, SUM, count)).toEqual(sums);
        expect(new Float64Array(kernels.bytes.buffer, VALUES, count)).toEqual(lost);
        expect(isInexact).toBe(lost.some((value) => value !== 0));
        const after = [around(kernels, SUM, 8 * count), around(kernels, VALUES, 8 * count)];
        expect(after).toEqual(before);
      }
    }
  });
});

/** `a + b - sum`, in integers of any size. */
function exactDifference(a: number, b: number, sum: number): number {
  const fixed = (value: number) => BigInt(value * 2 ** 70);
  return Number(fixed(a) + fixed(b) - fixed(sum)) / 2 ** 70;
}

describe('sumKernels', () => {
  it('gives a memory of the size that was asked for', () => {
    expect(sumKernels(0).bytes).toEqual(new Uint8Array());
    expect(sumKernels(65_536).bytes.length).toBe(65_536);
    expect(sumKernels(65_536)).toBeInstanceOf(WasmSums);
    expect(sumKernels(100_000).bytes.buffer.byteLength).toBe(2 * 65_536);
  });

  it('works without WebAssembly', () => {
    vi.stubGlobal('WebAssembly', undefined);
    try {
      expect(sumKernels(16)).toBeInstanceOf(JsSums);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
