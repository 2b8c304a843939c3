// Both kernels against the equations, bit for bit, wherever the operands live.
import * as fc from 'fast-check';
import { cpuBackend } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { AveragedItem, HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { shardedCpuBackend } from '#backend';
import type { FloatArray } from '../data.js';
import { averaged, difference, fillTame, fillWild, vector } from '../data.js';
import { referenceAverage, referenceCompensated } from '../reference.js';

const PAGE = 65_536;
const SIZES = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1023, 2047, 2048, 2049, 2081, 4095,
  4097, 16_383, 16_384, 16_385, 21_824, 21_825, 32_767, 32_769, 65_535, 65_536, 65_537, 131_073,
];
const ARRAYS = [
  ['float32', Float32Array],
  ['float64', Float64Array],
] as const;

// Where an operand lives: made by the backend, or the caller's own at a byte offset that no vector
// is aligned to.
type Place = 'resident' | 'own' | 'offset';
const PLACES: readonly Place[] = ['resident', 'own', 'offset'];

function place(backend: CpuBackend, data: FloatArray, where: Place): HostTensor {
  if (where === 'resident') {
    const [tensor] = backend.upload([vector(data)]);
    if (tensor === undefined) throw new Error('nothing uploaded');
    return tensor;
  }
  const offset = where === 'offset' ? 3 : 0;
  const Elements = data instanceof Float32Array ? Float32Array : Float64Array;
  const shifted = new Elements(data.length + offset + 2).subarray(offset, offset + data.length);
  shifted.set(data);
  return vector(shifted);
}

function floats(tensor: HostTensor | undefined): FloatArray {
  if (tensor?.data instanceof Float32Array || tensor?.data instanceof Float64Array)
    return tensor.data;
  throw new Error('not a floating tensor');
}

// Three shards at least, so that operands also meet across memories.
function cramped(): CpuBackend {
  return shardedCpuBackend({ least: 16 * PAGE, most: 32 * PAGE });
}

const BACKENDS: readonly (readonly [string, () => CpuBackend])[] = [
  ['the wasm kernel', () => cpuBackend({ kernel: 'wasm' })],
  ['the js kernel', () => cpuBackend({ kernel: 'js' })],
  ['the wasm kernel in small shards', cramped],
];

describe.each(BACKENDS)('%s', (_, create) => {
  it.each(ARRAYS)('averages every size of %s as the equation says', (__, Elements) => {
    const backend = create();
    for (const [seed, size] of SIZES.entries()) {
      for (const fill of [fillTame, fillWild]) {
        const average = fill(new Elements(size), seed);
        const live = fill(new Elements(size), seed + 1000);
        const expected = average.slice();
        referenceAverage(expected, live, 1 / 3);
        checkAverage(backend, { average, live, expected, weight: 1 / 3 }, ['resident', 'resident']);
      }
    }
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it.each(ARRAYS)('averages %s wherever the operands live', (__, Elements) => {
    const backend = create();
    for (const size of [0, 1, 5, 17, 65_537, 131_073]) {
      const average = fillWild(new Elements(size), size);
      const live = fillWild(new Elements(size), size + 1);
      const expected = average.slice();
      referenceAverage(expected, live, 0.3);
      for (const [averagePlace, livePlace] of PLACES.flatMap((a) =>
        PLACES.map((b) => [a, b] as const),
      )) {
        const places = [averagePlace, livePlace] as const;
        checkAverage(backend, { average, live, expected, weight: 0.3 }, places);
      }
    }
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it.each(ARRAYS)('compensates every size of %s as the equations say', (__, Elements) => {
    const backend = create();
    for (const size of SIZES) {
      for (const fill of [fillTame, fillWild]) {
        checkCompensated(backend, compensatedCase(fill, Elements, size), [
          'resident',
          'resident',
          'resident',
        ]);
      }
    }
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it.each(ARRAYS)('compensates %s wherever the operands live', (__, Elements) => {
    const backend = create();
    for (const size of [0, 5, 43_651]) {
      const operands = compensatedCase(fillWild, Elements, size);
      for (const a of PLACES) {
        for (const c of PLACES) {
          for (const p of PLACES) checkCompensated(backend, operands, [a, c, p]);
        }
      }
    }
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it.each(ARRAYS)(
    'finds the one element of %s that is not finite, at any index',
    (__, Elements) => {
      const backend = create();
      for (const size of SIZES) {
        const data = fillTame(new Elements(size), size);
        data.set(
          [0, -0, Elements === Float32Array ? 2 ** 127 : Number.MAX_VALUE, 5e-324].slice(0, size),
        );
        const indices =
          size < 70
            ? [...data.keys()]
            : [0, 15, 63, 64, (size >> 1) + 1, size - 17, size - 2, size - 1];
        for (const where of PLACES) {
          const tensor = place(backend, data, where);
          expect(backend.allFinite([tensor]), `${size} elements`).toEqual([true]);
          for (const index of indices) {
            for (const value of [NaN, -NaN, Infinity, -Infinity]) {
              const kept = floats(tensor)[index] ?? 0;
              floats(tensor)[index] = value;
              expect(backend.allFinite([tensor]), `${value} at ${index} of ${size}`).toEqual([
                false,
              ]);
              floats(tensor)[index] = kept;
            }
          }
          backend.dispose([tensor]);
        }
      }
    },
  );

  it('takes all the bits of NaN for what they are', () => {
    const backend = create();
    const bits32 = [0x7f80_0000, 0x7f80_0001, 0x7fff_ffff, 0xff80_0001, 0xffff_ffff];
    for (const bits of bits32) {
      expect(backend.allFinite([vector(new Float32Array(Uint32Array.of(bits).buffer))])).toEqual([
        false,
      ]);
    }
    for (const bits of [0x7ff0_0000_0000_0001n, 0xfff0_0000_0000_0000n, 0xffff_ffff_ffff_ffffn]) {
      expect(backend.allFinite([vector(new Float64Array(BigUint64Array.of(bits).buffer))])).toEqual(
        [false],
      );
    }
    // The largest finite numbers, and low words that look like the exponent of NaN.
    expect(
      backend.allFinite([
        vector(new Float32Array(Uint32Array.of(0x7f7f_ffff, 0xff7f_ffff).buffer)),
      ]),
    ).toEqual([true]);
    const words = BigUint64Array.of(
      0x7fef_ffff_ffff_ffffn,
      0x0000_0000_7ff0_0000n,
      0x3ff0_0000_ffff_ffffn,
    );
    for (const count of [1, 2, 3]) {
      expect(backend.allFinite([vector(new Float64Array(words.slice(-count).buffer))])).toEqual([
        true,
      ]);
    }
  });

  it('averages what fast-check finds as the equation says', () => {
    const backend = create();
    const length = fc.integer({ min: 0, max: 200 });
    fc.assert(
      fc.property(
        length.chain((n) =>
          fc.tuple(
            fc.float32Array({ minLength: n, maxLength: n }),
            fc.float32Array({ minLength: n, maxLength: n }),
          ),
        ),
        fc.double({ min: 0, max: 1, noNaN: true }),
        ([average, live], weight) => {
          const expected = average.slice();
          referenceAverage(expected, live, weight);
          checkAverage(backend, { average, live, expected, weight }, ['resident', 'own']);
        },
      ),
    );
    expect(backend.memory().tensors).toBe(0);
  });
});

interface AverageCase {
  readonly average: FloatArray;
  readonly live: FloatArray;
  readonly expected: FloatArray;
  readonly weight: number;
}

function checkAverage(
  backend: CpuBackend,
  { average, live, expected, weight }: AverageCase,
  places: readonly [Place, Place],
): void {
  const from = place(backend, average, places[0]);
  const towards = place(backend, live, places[1]);
  const [result] = averaged(backend, [{ average: from, live: towards, weight }]);
  const where = `${average.length} elements, average ${places[0]}, live ${places[1]}`;
  expect(difference(floats(result?.average), expected, where)).toBeUndefined();
  expect(difference(floats(towards), live, where)).toBeUndefined();
  expectStatus(result, average, live, expected, where);
  if (result !== undefined) backend.dispose([result.average, towards]);
}

function expectStatus(
  result: AveragedItem<HostTensor> | undefined,
  average: FloatArray,
  live: FloatArray,
  expected: FloatArray,
  where: string,
): void {
  // Infinities of one sign are as far from each other as NaN is from NaN.
  const hasMoved = average.some((value, index) => (live[index] ?? NaN) - value !== 0);
  const status = [result?.isFinite, result?.hasMoved, where];
  expect(status).toEqual([expected.every(Number.isFinite), hasMoved, where]);
}

interface CompensatedCase {
  readonly operands: readonly [average: FloatArray, residual: FloatArray, live: FloatArray];
  readonly expected: readonly [average: FloatArray, residual: FloatArray];
}

function compensatedCase(
  fill: (array: FloatArray, seed: number) => FloatArray,
  Elements: (typeof ARRAYS)[number][1],
  size: number,
): CompensatedCase {
  const average = fill(new Elements(size), size);
  const residual = fill(new Elements(size), size + 1000).map((value) => value * 2 ** -24);
  const live = fill(new Elements(size), size + 2000);
  const expected = [average.slice(), residual.slice()] as const;
  referenceCompensated(...expected, live, 0.1);
  return { operands: [average, residual, live], expected };
}

function checkCompensated(
  backend: CpuBackend,
  { operands: [average, residual, live], expected }: CompensatedCase,
  places: readonly [Place, Place, Place],
): void {
  const tensors = [
    place(backend, average, places[0]),
    place(backend, residual, places[1]),
    place(backend, live, places[2]),
  ] as const;
  const [before, carried, towards] = tensors;
  const [result] = averaged(backend, [
    { average: before, residual: carried, live: towards, weight: 0.1 },
  ]);
  const where = `${live.length} elements, ${places.join(', ')}`;
  expect(difference(floats(result?.average), expected[0], where)).toBeUndefined();
  expect(difference(floats(result?.residual), expected[1], where)).toBeUndefined();
  expect(difference(floats(towards), live, where)).toBeUndefined();
  expectStatus(result, average, live, expected[0], where);
  if (result?.residual !== undefined) {
    backend.dispose([result.average, result.residual, towards]);
  }
}
