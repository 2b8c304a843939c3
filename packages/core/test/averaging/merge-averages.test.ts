import { mergeAverages } from '@polyak/core';
import type { WeightedAverage } from '@polyak/core';
import type { DType, HostTensor } from '@polyak/core/interfaces';
import { TensorMerge } from '@polyak/core/kit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const SEED = 20_261_128;

// All numbers of the tests are multiples of 2 ** -SCALE.
const SCALE = 600n;

/** A float64 number times 2 ** SCALE, exactly. */
function exact(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  if (exponent === 0n) {
    if (fraction !== 0n) throw new RangeError('subnormal');
    return 0n;
  }
  const shift = exponent - 1075n + SCALE;
  if (shift < 0n) throw new RangeError('too small');
  const size = (fraction | (1n << 52n)) << shift;
  return bits >> 63n === 1n ? -size : size;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** The distance of two neighbours at a number of this size. */
function ulp(value: number, bits: number): number {
  return value === 0 ? 0 : 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits + 1);
}

function named(dtype: 'float32' | 'float64', values: readonly number[]): WeightedAverage['mean'] {
  const data = dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
  return { w: { dtype, shape: [values.length], data } };
}

function valuesOf({ mean }: WeightedAverage): readonly number[] {
  return [...((mean['w'] as HostTensor).data as Float64Array)];
}

const number = fc
  .tuple(fc.double({ min: 1, max: 2, noNaN: true }), fc.integer({ min: -80, max: 80 }))
  .chain(([fraction, exponent]) => {
    const size = fraction * 2 ** exponent;
    return fc.constantFrom(size, -size, 0);
  });
const weight = fc.oneof(
  fc.integer({ min: 1, max: 1e9 }),
  fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
);
const pairs = fc.array(fc.record({ value: number, weight }), { minLength: 1, maxLength: 20 });
/** What is left of their sum is the rounding error of a product or, with the weight 1, of a sum. */
const cancelling = fc
  .tuple(fc.double({ min: 1, max: 2, noNaN: true }), fc.oneof(weight, fc.constant(1)))
  .map(([wide, w]) => {
    const value = Math.fround(wide);
    return w === 1
      ? [value, value * 2 ** -60, -value].map((each) => ({ value: each, weight: 1 }))
      : [
          { value, weight: w },
          { value: -1, weight: w * value },
        ];
  });

describe('mergeAverages', () => {
  it.each(['float32', 'float64'] as const)(
    'is within 1 ulp of float64, rounded once: %s',
    (dtype) => {
      const property = fc.property(fc.oneof(pairs, cancelling), (list) => {
        const rounded = list.map(({ value, weight: w }) => ({
          value: dtype === 'float32' ? Math.fround(value) : value,
          weight: w,
        }));
        const merged = mergeAverages(
          rounded.map(({ value, weight: w }) => ({ mean: named(dtype, [value]), weight: w })),
        );
        const [found] = valuesOf(merged) as [number];
        const terms = rounded.map(({ value, weight: w }) => exact(value) * exact(w));
        const sum = terms.reduce((a, b) => a + b, 0n);
        const total = rounded.reduce((a, { weight: w }) => a + exact(w), 0n);
        const size = terms.reduce((a, b) => a + magnitude(b), 0n);
        // The mean is sum / total. All sides are times total.
        const distance = magnitude(exact(found) * total - sum);
        const coarse = dtype === 'float32' ? exact(ulp(found, 24) / 2) : 0n;
        const bound = (coarse + exact(ulp(found, 53))) * total;
        const cancelled = (BigInt(list.length ** 2) * size) >> 104n;
        expect(distance <= bound + cancelled).toBe(true);
      });
      fc.assert(property, { seed: SEED, numRuns: 2000 });
    },
  );

  it('gives one mean as it is, to the bit', () => {
    const values = [0, -0, 0.1, -1 / 3, 1e38, 1e-40];
    for (const dtype of ['float32', 'float64'] as const) {
      const mean = named(dtype, values);
      const merged = mergeAverages([{ mean, weight: 7.3 }]);
      expect(merged).toEqual({ mean, weight: 7.3 });
      expect(Object.is(valuesOf(merged)[1], -0)).toBe(true);
      expect(merged.mean['w']).not.toBe(mean['w']);
    }
  });

  it('weights many equal means so that they stay', () => {
    const list = Array.from({ length: 1000 }, (_, index) => ({
      mean: named('float64', [0.1, -1e-7]),
      weight: 0.1 + index / 7,
    }));
    expect(valuesOf(mergeAverages(list))).toEqual([0.1, -1e-7]);
  });

  it('merges what is merged: each level adds one rounding of the dtype', () => {
    const property = fc.property(fc.array(pairs, { minLength: 1, maxLength: 6 }), (groups) => {
      const asAverage = ({ value, weight: w }: { value: number; weight: number }) => ({
        mean: named('float32', [value]),
        weight: w,
      });
      const inOne = mergeAverages(groups.flat().map(asAverage));
      const inTwo = mergeAverages(groups.map((group) => mergeAverages(group.map(asAverage))));
      const [[one], [two]] = [valuesOf(inOne), valuesOf(inTwo)] as [[number], [number]];
      const largest = Math.max(...groups.flat().map(({ value }) => Math.abs(value)));
      expect(Math.abs(one - two)).toBeLessThanOrEqual(1.001 * ulp(largest, 24) * 1.5);
      expect(Math.abs(inOne.weight - inTwo.weight)).toBeLessThanOrEqual(1e-14 * inOne.weight);
    });
    fc.assert(property, { seed: SEED, numRuns: 500 });
  });

  it('keeps names, shapes and dtypes of several tensors, and changes none of its arguments', () => {
    const tensors = (k: number): WeightedAverage['mean'] => ({
      a: { dtype: 'float32', shape: [2, 1], data: Float32Array.of(k, 2 * k) },
      b: { dtype: 'float64', shape: [], data: Float64Array.of(-k) },
      empty: { dtype: 'float32', shape: [0, 3], data: new Float32Array(0) },
    });
    const list = [
      { mean: tensors(1), weight: 1 },
      { mean: tensors(5), weight: 3 },
    ];
    expect(mergeAverages(list)).toEqual({ mean: tensors(4), weight: 4 });
    expect(list[0]?.mean).toEqual(tensors(1));
  });

  const good = { mean: named('float32', [1, 2]), weight: 1 };
  const of = (dtype: DType, data: HostTensor['data']): WeightedAverage => ({
    mean: { w: { dtype, shape: [data.length], data } },
    weight: 1,
  });
  it.each([
    ['no averages', [], 'RangeError', 'there are no averages'],
    ['a weight of 0', [good, { ...good, weight: 0 }], 'RangeError', 'average 1 is 0'],
    ['a negative weight', [{ ...good, weight: -1 }], 'RangeError', 'is -1'],
    ['a weight that is NaN', [{ ...good, weight: NaN }], 'RangeError', 'is NaN'],
    ['a weight in words', [{ ...good, weight: '3' }], 'RangeError', 'average 0 is "3"'],
    ['an infinite weight', [{ ...good, weight: Infinity }], 'RangeError', 'is Infinity'],
    [
      'weights that overflow',
      Array.from({ length: 3 }, () => ({ ...good, weight: 1e308 })),
      'RangeError',
      'the sum',
    ],
    ['a shape', [good, { mean: named('float32', [1]), weight: 1 }], 'ERR_MISMATCH', 'average 1'],
    ['a dtype', [good, { mean: named('float64', [1, 2]), weight: 1 }], 'ERR_MISMATCH', 'float64'],
    [
      'a name',
      [good, { mean: { v: named('float32', [1])['w'] }, weight: 1 }],
      'ERR_MISMATCH',
      'it lacks "w"; the first one has no "v"',
    ],
    ['integers', [of('int32', Int32Array.of(1))], 'ERR_UNSUPPORTED', 'int32'],
    ['half precision', [of('bfloat16', Uint16Array.of(1))], 'ERR_UNSUPPORTED', 'bfloat16'],
    ['NaN', [good, of('float32', Float32Array.of(1, NaN))], 'ERR_NON_FINITE', '"w" has NaN'],
    ['an infinity', [of('float64', Float64Array.of(-Infinity))], 'ERR_NON_FINITE', '"w" has'],
    [
      'an overflow',
      Array.from({ length: 2 }, () => ({ mean: named('float64', [1.7e308]), weight: 1 })),
      'ERR_NON_FINITE',
      'overflows',
    ],
    ['no tensors', [{ mean: null, weight: 1 }], 'TypeError', 'the mean 0'],
    ['a Map', [{ mean: new Map([['w', good]]), weight: 1 }], 'TypeError', 'the mean 0'],
    ['an array', [{ mean: { w: Float32Array.of(1) }, weight: 1 }], 'TypeError', '"w"'],
    [
      'too few elements',
      [{ mean: { w: { ...named('float32', [1, 2])['w'], shape: [3] } }, weight: 1 }],
      'TypeError',
      'the mean 0: "w" is float32[3] with 2 elements, expected 3',
    ],
    ['no list', good, 'TypeError', 'list'],
  ])('refuses %s', (_what, list, kind, text) => {
    const call = (): unknown => mergeAverages(list as readonly WeightedAverage[]);
    expect(call).toThrow(text);
    expect(call).toThrow(
      expect.objectContaining(kind.startsWith('ERR') ? { code: kind } : { name: kind }),
    );
  });
});

describe('TensorMerge', () => {
  it('gives what mergeAverages gives, term by term', () => {
    const terms = [0.1, 0.7, -3.3].map((value, index) => ({
      tensor: { dtype: 'float64', shape: [1], data: Float64Array.of(value) } as const,
      weight: 1 + index / 3,
    }));
    const merge = new TensorMerge('test', { dtype: 'float64', shape: [1] });
    for (const { tensor, weight: w } of terms) merge.add(tensor, w);
    const whole = mergeAverages(
      terms.map(({ tensor, weight: w }) => ({ mean: { tensor }, weight: w })),
    );
    expect(merge.finish()).toEqual(whole.mean['tensor']);
  });

  it('goes on without a tensor that it refused', () => {
    const merge = new TensorMerge('test', { dtype: 'float32', shape: [2] });
    const tensor = (...values: readonly number[]) =>
      ({ dtype: 'float32', shape: [2], data: Float32Array.from(values) }) as const;
    merge.add(tensor(1, 2), 1);
    expect(() => {
      merge.add(tensor(5, NaN), 1);
    }).toThrow(expect.objectContaining({ code: 'ERR_NON_FINITE' }));
    merge.add(tensor(5, 10), 3);
    expect(merge.finish()).toEqual(tensor(4, 8));
  });

  it('refuses a tensor of another shape', () => {
    const merge = new TensorMerge('here: "w"', { dtype: 'float32', shape: [2] });
    const tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) } as const;
    expect(() => {
      merge.add(tensor, 1);
    }).toThrow(/^here: "w" is float32\[1\]/);
  });
});
