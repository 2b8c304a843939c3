// Both engines against the definitions, bit for bit.
import type { SumDType, SumKernels } from '@polyak/backend-cpu/sums';
import { sumKernels } from '@polyak/backend-cpu/sums';
import { describe, expect, it, vi } from 'vitest';
import { JsSums } from '#sums/js-sums.js';
import { WasmSums } from '#sums/wasm-sums.js';
import { difference, fillTame, fillWild, randomFrom } from '../data.js';
import { roundedBits, roundingCases, valueOf } from './formats.js';

const SIZES = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 1023, 4096, 8191];
const MOST = 8192;
const [SUM, VALUES, TARGET] = [64, 64 + 8 * MOST + 64, 64 + 16 * MOST + 128];
const BYTES = TARGET + 8 * MOST + 64;

const ENGINES: readonly (readonly [string, new (byteLength: number) => SumKernels])[] = [
  ['WebAssembly', WasmSums],
  ['JavaScript', JsSums],
];

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

function random<A extends Uint8Array | Uint16Array>(array: A, seed: number): A {
  const next = randomFrom(seed);
  for (let i = 0; i < array.length; i += 1) array[i] = next() * 2 ** 16;
  return array;
}

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

  it('compute the checksum of every number of bytes, from any address, at any position', () => {
    const kernels = new Sums(BYTES);
    random(kernels.bytes, 5);
    for (const size of [...Array(70).keys(), 4095, 4096, 4097, 8192, 20_001]) {
      const position = [0, 1, 2, 4080, 4095, 2 ** 41 + 4091][size % 6] as number;
      const from = SUM + (size % 5);
      const bytes = kernels.bytes.subarray(from, from + size);
      expect(kernels.checksum(from, size, position)).toEqual(checksumOf(bytes, position));
    }
    // Numbers that differ in sign only, where products are largest.
    kernels.bytes.fill(0x80, SUM, SUM + 9000);
    expect(kernels.checksum(SUM, 9000, 1)).toEqual(
      checksumOf(kernels.bytes.subarray(SUM, SUM + 9000), 1),
    );
  });

  it('compute a checksum of ranges, in any order, that is the sum of theirs', () => {
    const kernels = new Sums(BYTES);
    random(kernels.bytes, 6);
    const size = 30_000;
    for (const position of [0, 7, 2 ** 33 + 1]) {
      const sum = [0, 0, 0];
      const cuts = [0, 1, 2, 5, 21, 4088, 4089, 12_001, 16_384, 29_999, size];
      for (const [i, end] of [...cuts.entries()].slice(1).toReversed()) {
        const begin = cuts[i - 1] as number;
        const part = kernels.checksum(SUM + begin, end - begin, position + begin);
        for (const [c, number] of part.entries()) sum[c] = ((sum[c] as number) + number) | 0;
      }
      expect(sum).toEqual(kernels.checksum(SUM, size, position));
    }
  });
});

/** `a + b - sum`, in integers of any size. */
function exactDifference(a: number, b: number, sum: number): number {
  const fixed = (value: number) => BigInt(value * 2 ** 70);
  return Number(fixed(a) + fixed(b) - fixed(sum)) / 2 ** 70;
}

const splitmix = (n: bigint): bigint => {
  let z = BigInt.asUintN(64, (n + 1n) * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
};
const KEYS = [0n, 1n, 2n].map((c) =>
  Array.from({ length: 2048 }, (_, i) => {
    const four = splitmix(2n ** 63n + 512n * c + BigInt(i >> 2));
    return BigInt.asIntN(16, four >> BigInt(16 * (i % 4)));
  }),
);

/** The checksum by its definition, in integers of any size. */
function checksumOf(bytes: Uint8Array, position: number): readonly number[] {
  const first = Math.floor(position / 4096);
  const offset = position % 4096;
  const file = new Uint8Array(Math.ceil((offset + bytes.length) / 4096) * 4096);
  file.set(bytes, offset);
  const numbers = new Int16Array(file.buffer);
  return KEYS.map((keys, c) => {
    let sum = 0n;
    for (let b = 0; 2048 * b < numbers.length; b += 1) {
      const factor = splitmix(BigInt(3 * (first + b) + c)) | 1n;
      for (const [i, key] of keys.entries()) {
        sum += BigInt(numbers[2048 * b + i] as number) * key * factor;
      }
    }
    return Number(BigInt.asIntN(32, sum));
  });
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
