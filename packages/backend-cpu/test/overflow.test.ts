// Averages of finite values do not overflow, whatever their size: against exact arithmetic.
import * as fc from 'fast-check';
import { hostKernels } from '@polyak/backend-cpu/host';
import type { UpdatedItem, UpdateItem } from '@polyak/backend-cpu/host';
import { describe, expect, it } from 'vitest';
import { difference } from './data.js';
import type { FloatArray } from './data.js';

const ARRAYS = [
  {
    dtype: 'float32',
    Elements: Float32Array,
    largest: 2 ** 127 * (2 - 2 ** -23),
    precision: 24,
    round: Math.fround,
  },
  {
    dtype: 'float64',
    Elements: Float64Array,
    largest: Number.MAX_VALUE,
    precision: 53,
    round: (value: number) => value,
  },
] as const;

type Case = (typeof ARRAYS)[number];

/** A float64 in units of 2^-1074, exactly. */
function exact(value: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & (2n ** 52n - 1n);
  const magnitude = exponent === 0n ? fraction : (fraction | (2n ** 52n)) << (exponent - 1n);
  return value < 0 ? -magnitude : magnitude;
}

const ONE = exact(1);
const size = (value: bigint): bigint => (value < 0n ? -value : value);

/** Values of any size, most of them near the largest, of either sign. */
function values({ largest, precision, round }: Case): fc.Arbitrary<number> {
  const ulp = largest / (2 ** precision - 1);
  const magnitudes = fc.oneof(
    fc.integer({ min: 0, max: 40 }).map((count) => largest - count * ulp),
    // A few units, and halves, in the last place of the largest.
    fc.integer({ min: 0, max: 80 }).map((count) => (count / 2) * ulp),
    fc.double({ min: 1 / 4, max: 1, noNaN: true }).map((part) => part * largest),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  return fc
    .tuple(magnitudes, fc.boolean())
    .map(([value, isLess]) => round(isLess ? -value : value));
}

/** Every kind of weight: of the first update, near 1, of means, of long memories. */
function weights({ precision }: Case): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: 0, max: 12 }).map((count) => 1 - count * 2 ** -precision),
    fc.integer({ min: 1, max: 1000 }).map((nAvg) => 1 / nAvg),
    fc.constantFrom(0, 0.5, 0.75, 0.9999, 1e-4, 1e-40),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
}

describe.each(['wasm', 'js'] as const)('the %s kernel', (kernel) => {
  const kernels = hostKernels({ kernel });

  function averaged(item: UpdateItem): UpdatedItem {
    const result = kernels.average([item]);
    const [updated] = result.kind === 'averaged' ? result.items : [];
    if (updated === undefined) throw new Error('refused an update of finite values');
    return updated;
  }

  it('averages 3e38 and -3e38 to 0', () => {
    const [average, live] = [Float32Array.of(3e38, 1), Float32Array.of(-3e38, 2)];
    const item = averaged({ average, live, weight: 0.5 });
    expect([...item.average]).toEqual([0, 1.5]);
    expect(item).toMatchObject({ isFinite: true, hasMoved: true });
    const pair = averaged({ average, residual: new Float32Array(2), live, weight: 0.5 });
    expect([...pair.average, ...(pair.residual ?? [])]).toEqual([0, 1.5, 0, 0]);
    expect(pair).toMatchObject({ isFinite: true, hasMoved: true });
  });

  it.each(ARRAYS)('averages $dtype where the sum alone overflows', (array) => {
    const { Elements, largest, precision } = array;
    const average = Elements.of((largest / (2 ** precision - 1)) * 3.5);
    const live = Elements.of(largest);
    for (const residual of [undefined, new Elements(1)]) {
      expect([...averaged({ average, residual, live, weight: 1 }).average]).toEqual([largest]);
    }
  });

  it('replaces the elements that overflowed, and no others', () => {
    const length = 70_001;
    const places = new Set([0, 17, 65_536, length - 1]);
    const data = (large: number, step: number): Float32Array =>
      Float32Array.from({ length }, (_, n) => (places.has(n) ? large : n + step));
    const item = averaged({ average: data(2 ** 127, 0), live: data(-(2 ** 127), 1), weight: 0.25 });
    expect(difference(item.average, data(2 ** 126, 0.25))).toBeUndefined();
  });

  it.each([NaN, Infinity, -Infinity])('refuses %s beside what overflows', (value) => {
    const [average, live] = [Float32Array.of(3e38, 1, 2), Float32Array.of(-3e38, value, 2)];
    for (const weight of [0.25, 1]) {
      for (const residual of [undefined, new Float32Array(3)]) {
        const items = [{ average, residual, live, weight }];
        expect(kernels.average(items)).toEqual({ kind: 'refused', nonFinite: [0] });
        const allowed = kernels.average(items, { allowNonFinite: true });
        const [item] = allowed.kind === 'averaged' ? allowed.items : [];
        expect(item?.isFinite).toBe(false);
        expect(Array.from(item?.average ?? [], Number.isFinite)).toEqual([true, false, true]);
      }
    }
  });

  it.each(ARRAYS)('averages any $dtype as closely as documented', (array) => {
    const { Elements, precision, round } = array;
    const element = fc.tuple(
      values(array),
      values(array),
      fc.double({ min: -1, max: 1, noNaN: true }),
    );
    let weighed = 0;
    fc.assert(
      fc.property(
        fc.array(element, { maxLength: 40, size: 'max' }),
        weights(array),
        (elements, weight) => {
          const column = (of: (row: readonly [number, number, number]) => number): FloatArray => {
            const data = new Elements(elements.length);
            data.set(elements.map(of));
            return data;
          };
          const average = column(([value]) => value);
          const live = column(([, value]) => value);
          // As TwoSum leaves it: less than half a unit in the last place.
          const residual = column(([value, , part]) => value * part * 2 ** -(precision + 1));
          const w = round(weight);
          const plain = averaged({ average, live, weight });
          const pair = averaged({ average, residual, live, weight });
          elements.forEach((_, n) => {
            const [a, c, p] = [average[n] ?? NaN, residual[n] ?? NaN, live[n] ?? NaN];
            const usual = round(a + round(round(p - a) * w));
            const found = plain.average[n] ?? NaN;
            const isUsual = Number.isFinite(usual);
            if (!isUsual) weighed += 1;
            const sides = (value: bigint): bigint => (ONE - exact(w)) * value + exact(w) * exact(p);
            const errorOf = (sum: bigint, value: bigint): bigint => size(sum * ONE - sides(value));
            const unit =
              (size(exact(Math.max(Math.abs(a), Math.abs(p)))) * ONE) >> BigInt(precision);
            const both = exact(pair.average[n] ?? NaN) + exact(pair.residual?.[n] ?? NaN);
            const isRight = isUsual
              ? found === usual
              : 2n * errorOf(exact(found), exact(a)) <= 5n * unit &&
                2n * errorOf(both, exact(a) + exact(c)) <= 7n * unit;
            expect(isRight, `${a} + ${c}, ${p}, ${w}`).toBe(true);
          });
        },
      ),
      { seed: 10, numRuns: 300 },
    );
    expect(weighed).toBeGreaterThan(500);
  });
});
