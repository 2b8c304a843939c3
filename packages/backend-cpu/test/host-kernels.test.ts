// Kernels over ordinary arrays: who owns which, and the same bits as the backend.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { FloatArray, UpdateItem, UpdatedItem } from '@polyak/backend-cpu/host';
import { describe, expect, it } from 'vitest';
import { difference, fillTame, fillWild } from './data.js';
import { referenceAverage, referenceCompensated } from './reference.js';

describe.each(['wasm', 'js'] as const)('host kernels in %s', (kernel) => {
  function averaged(items: readonly UpdateItem[]): readonly UpdatedItem[] {
    const result = hostKernels({ kernel }).average(items, { allowNonFinite: true });
    if (result.kind === 'refused') throw new Error('refused although all is allowed');
    return result.items;
  }

  it.each([Float32Array, Float64Array])('average %o as the equations say', (Elements) => {
    for (const size of [0, 1, 7, 50_000, 131_073]) {
      const [average, live] = [1, 2].map((seed) => fillWild(new Elements(size), seed)) as [
        FloatArray,
        FloatArray,
      ];
      const residual = fillTame(new Elements(size), 3).map((value) => value * 2 ** -24);
      const before = [average, residual, live].map((array) => array.slice());
      const [plain, pair] = averaged([
        { average, live, weight: 0.3 },
        { average, residual, live, weight: 0.7 },
      ]);
      const expected = average.slice();
      referenceAverage(expected, live, 0.3);
      expect(difference(plain?.average ?? [], expected, `${size} elements`)).toBeUndefined();
      const expectedPair = [average.slice(), residual.slice()] as const;
      referenceCompensated(...expectedPair, live, 0.7);
      expect(difference(pair?.average ?? [], expectedPair[0])).toBeUndefined();
      expect(difference(pair?.residual ?? [], expectedPair[1])).toBeUndefined();
      expect([average, residual, live]).toEqual(before);
    }
  });

  it('gives out arrays of their own, and uses those again that it is given back', () => {
    const kernels = hostKernels({ kernel });
    const live = Float32Array.of(3, 4);
    const update = (average: FloatArray): FloatArray => {
      const result = kernels.average([{ average, live, weight: 0.5 }]);
      return (result.kind === 'averaged' && result.items[0]?.average) || live;
    };
    const first = update(Float32Array.of(1, 2));
    const second = update(first);
    expect(first.byteOffset + first.buffer.byteLength).toBe(8);
    expect([...first, ...second]).toEqual([2, 3, 2.5, 3.5]);
    kernels.recycle([first]);
    expect(update(second)).toBe(first);
    expect([...first]).toEqual([2.75, 3.75]);
  });

  it('refuses an update as a whole', () => {
    const kernels = hostKernels({ kernel });
    const average = Float64Array.of(1, 2);
    const items = [
      { average, live: Float64Array.of(3, 4), weight: 0.5 },
      { average, live: Float64Array.of(3, NaN), weight: 0.5 },
    ];
    expect(kernels.average(items)).toEqual({ kind: 'refused', nonFinite: [1] });
    expect([...average]).toEqual([1, 2]);
  });

  it('find what is not finite', () => {
    const { allFinite } = hostKernels({ kernel });
    expect(allFinite(Float32Array.of(1, 3e38))).toBe(true);
    expect(allFinite(Float32Array.of(1, -Infinity))).toBe(false);
    expect(allFinite(Float64Array.of(NaN))).toBe(false);
  });
});
