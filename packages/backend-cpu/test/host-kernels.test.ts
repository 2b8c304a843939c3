// Kernels over ordinary arrays: who owns which, and the same bits as the backend.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { FloatArray, LiveArray, UpdateItem, UpdatedItem } from '@polyak/backend-cpu/host';
import { halfToFloat32 } from '@polyak/core/kit';
import { describe, expect, it } from 'vitest';
import { difference, fillTame, fillWild } from './data.js';
import { referenceAverage, referenceCompensated } from './reference.js';

describe.each(['wasm', 'js'] as const)('host kernels in %s', (kernel) => {
  function averaged(items: readonly UpdateItem<LiveArray>[]): readonly UpdatedItem[] {
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
      for (const [n, array] of [average, residual, live].entries()) {
        expect(difference(array, before[n] ?? [])).toBeUndefined();
      }
    }
  });

  it.each(['float16', 'bfloat16'] as const)('widens %s live weights exactly', (dtype) => {
    const every = Uint16Array.from({ length: 2 ** 16 }, (_, code) => code);
    for (const size of [0, 1, 7, 8, 9, 50_000, 2 ** 16, 131_073]) {
      const bits = Uint16Array.from({ length: size }, (_, n) => every[n % 2 ** 16] as number);
      const live = halfToFloat32(dtype, bits);
      const average = fillTame(new Float32Array(size), 1);
      const residual = fillTame(new Float32Array(size), 2).map((value) => value * 2 ** -24);
      const both = [{ dtype, bits }, live].map((from) =>
        averaged([
          { average, live: from, weight: 0.3 },
          { average, residual, live: from, weight: 1 },
          { average: live, live: from, weight: 0.5 },
        ]),
      );
      const [halves, floats] = both as [readonly UpdatedItem[], readonly UpdatedItem[]];
      for (const [n, item] of halves.entries()) {
        const { average: found, residual: rest = [], ...flags } = item;
        const { average: wanted = [], residual: wantedRest = [], ...wantedFlags } = floats[n] ?? {};
        expect(difference(found, wanted, `${size} elements`)).toBeUndefined();
        expect(difference(rest, wantedRest)).toBeUndefined();
        expect(flags).toEqual(wantedFlags);
      }
    }
  });

  it('refuses half precision that is not finite, and averages the largest numbers', () => {
    const update = (bits: Uint16Array, average: Float32Array): unknown =>
      hostKernels({ kernel }).average([
        { average, live: { dtype: 'bfloat16', bits }, weight: 0.5 },
      ]);
    for (const code of [0x7f80, 0xff80, 0x7fc0]) {
      expect(update(Uint16Array.of(0, code), Float32Array.of(1, 1))).toEqual({
        kind: 'refused',
        nonFinite: [0],
      });
    }
    const largest = halfToFloat32('bfloat16', Uint16Array.of(0xff7f, 0x7f7f));
    expect(update(Uint16Array.of(0x7f7f, 0x7f7f), largest)).toMatchObject({
      items: [{ average: Float32Array.of(0, largest[1] as number) }],
    });
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
