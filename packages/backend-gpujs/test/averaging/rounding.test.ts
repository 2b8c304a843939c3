// What the numbers are: float32 bit for bit, whatever the sizes, and the float64 mean to the last
// places.
import { gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { HostTensor } from '@polyak/core/interfaces';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { MODES, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { averaged, compensated, manyMagnitudes } from './rounding.js';
import { textureOf } from '../textures.js';
import { deleteTextures, moved } from '../updates.js';

const WEIGHT = 1e-3;

function host(data: Float32Array): HostTensor {
  return { dtype: 'float32', shape: [data.length], data };
}

/** The first element in which two arrays differ in a bit, or -1. */
function firstDifference(
  found: ArrayLike<number>,
  expected: (index: number) => number,
  length: number,
): number {
  if (found.length !== length) return found.length;
  for (let n = 0; n < length; n += 1) if (!Object.is(found[n], expected(n))) return n;
  return -1;
}

/** The largest error against `expected`, relative to the largest operand. */
function largestError(
  found: ArrayLike<number>,
  expected: (index: number) => number,
  scale: (index: number) => number,
): number {
  let largest = 0;
  for (let n = 0; n < found.length; n += 1) {
    largest = Math.max(largest, Math.abs((found[n] ?? NaN) - expected(n)) / scale(n));
  }
  return largest;
}

describeModes(MODES, (mode, bench) => {
  async function updated(
    averages: readonly Float32Array[],
    live: readonly GpujsTensor[],
  ): Promise<readonly Float32Array[]> {
    const uploaded = bench.backend.upload(averages.map(host));
    const next = await moved(bench.backend, uploaded, live, WEIGHT);
    const found = await bench.backend.download(next);
    bench.backend.dispose(next);
    return found.map(({ data }) => data as Float32Array);
  }

  it('says what it runs on', () => {
    expect(bench.backend.name).toBe(`gpujs:${mode}`);
  });

  it('rounds each operation to float32', async () => {
    const lengths = [1, 2, 3, 4, 5, 0, 63, 255, 256, 257, 10_007];
    const averages = lengths.map((length, n) => manyMagnitudes(length, n));
    const live = lengths.map((length, n) => manyMagnitudes(length, n + 20));
    const found = await updated(
      averages,
      live.map((data) => gpujsTensor(data)),
    );
    averages.forEach((average, n) => {
      const p = (i: number): number => live[n]?.[i] as number;
      const a = (i: number): number => average[i] as number;
      const expected = (i: number): number => averaged(a(i), p(i), WEIGHT);
      expect(firstDifference(found[n] ?? [], expected, average.length)).toBe(-1);
      const scale = (i: number): number => Math.max(Math.abs(a(i)), Math.abs(p(i)));
      // One rounding is at most 6e-8, three that of the result and a little of the others.
      const exact = (i: number): number => a(i) + (p(i) - a(i)) * Math.fround(WEIGHT);
      expect(largestError(found[n] ?? [], exact, scale)).toBeLessThan(6.1e-8);
    });
  });

  it('averages tensors larger than one texture, across two, bit for bit', async () => {
    const lengths = [3, 2 ** 24 + 1, 5];
    const averages = lengths.map((length, n) =>
      new Float32Array(length).map((_, i) => 1 + ((i * 7 + n) % 1024) / 3),
    );
    const live = averages.map((average) => average.map((a) => Math.fround(a * 0.7)));
    const found = await updated(
      averages,
      live.map((data) => gpujsTensor(data)),
    );
    averages.forEach((average, n) => {
      const [a, p] = [(i: number) => average[i] as number, (i: number) => live[n]?.[i] as number];
      const expected = (i: number): number => averaged(a(i), p(i), WEIGHT);
      expect(firstDifference(found[n] ?? [], expected, average.length)).toBe(-1);
    });
  }, 120_000);

  it('follows the float64 mean of 1,000 weights to 2e-6', async () => {
    const visited = Array.from({ length: 1000 }, (_, n) =>
      new Float32Array(33).map((__, i) => 1 + i / 33 + Math.sin(n * 1.3 + i) / 100),
    );
    let averages = await bench.backend.clone([gpujsTensor(visited[0] as Float32Array)]);
    for (let n = 1; n < visited.length; n += 1) {
      const live = [gpujsTensor(visited[n] as Float32Array)];
      averages = await moved(bench.backend, averages, live, 1 / (n + 1));
    }
    const [found] = await bench.backend.download(averages);
    const mean = (i: number): number =>
      visited.reduce((sum, data) => sum + (data[i] as number), 0) / visited.length;
    expect(largestError(found?.data as Float32Array, mean, mean)).toBeLessThan(2e-6);
    bench.backend.dispose(averages);
  });

  describe('a compensated update', () => {
    const length = 10_007;
    const [average, live] = [manyMagnitudes(length, 1), manyMagnitudes(length, 2)];
    const residual = average.map((a) => a * 2 ** -25);
    const expected = (i: number): readonly [number, number] =>
      compensated(average[i] as number, residual[i] as number, live[i] as number, WEIGHT);
    let sums: Float32Array;
    let errors: Float32Array;

    beforeAll(async () => {
      const [first, second] = bench.backend.upload([host(average), host(residual)]);
      const item = { average: first as GpujsTensor, residual: second as GpujsTensor };
      const result = await bench.backend.average([
        { ...item, live: gpujsTensor(live), weight: WEIGHT },
      ]);
      const [pair] = result.kind === 'averaged' ? result.items : [];
      const made = [pair?.average, pair?.residual] as GpujsTensor[];
      [sums, errors] = (await bench.backend.download(made)).map(({ data }) => data) as [
        Float32Array,
        Float32Array,
      ];
      bench.backend.dispose(made);
    });

    it('keeps what it rounds off, in all to 4e-10', () => {
      const total = (i: number): number => {
        const [a, c, p] = [average[i] as number, residual[i] as number, live[i] as number];
        return a + c + (p - a - c) * Math.fround(WEIGHT);
      };
      const found = Array.from(sums, (sum, i) => sum + (errors[i] as number));
      const scale = (i: number): number =>
        Math.max(Math.abs(average[i] as number), Math.abs(live[i] as number));
      expect(largestError(found, total, scale)).toBeLessThan(4e-10);
    });

    it('rounds each operation to float32', () => {
      expect(firstDifference(sums, (i) => expected(i)[0], length)).toBe(-1);
      // An error of 0 has the sign that the driver gives it.
      const found = errors.map((error) => error + 0);
      expect(firstDifference(found, (i) => expected(i)[1] + 0, length)).toBe(-1);
    });
  });
});

describeModes(TEXTURE_MODES, (_, bench) => {
  const shapes = [[5], [10_007], [3, 7], [33, 65], [2, 3, 5], [4, 33, 17]];

  it.each([false, true])(
    'rounds each operation to float32, on all ranks (four elements a texel: %s)',
    async (isDense) => {
      const lengths = shapes.map((shape) => shape.reduce((product, extent) => product * extent));
      const first = lengths.map((length, n) => manyMagnitudes(length, n));
      const second = lengths.map((length, n) => manyMagnitudes(length, n + 20));
      const textures = async (list: readonly Float32Array[]): Promise<GpujsTensor[]> =>
        Promise.all(
          list.map(async (data, n) =>
            gpujsTensor(await textureOf(bench.gpu, data, shapes[n] ?? [], isDense)),
          ),
        );
      const lives = [await textures(first), await textures(second)] as const;
      expect(lives[0].map(({ shape }) => shape)).toEqual(shapes);
      const averages = await bench.backend.clone(lives[0]);
      const next = await moved(bench.backend, averages, lives[1], WEIGHT);
      const found = await bench.backend.download(next);
      first.forEach((average, n) => {
        const expected = (i: number): number =>
          averaged(average[i] as number, second[n]?.[i] as number, WEIGHT);
        expect(firstDifference(found[n]?.data as Float32Array, expected, average.length)).toBe(-1);
      });
      bench.backend.dispose(next);
      deleteTextures(lives.flat());
    },
  );
});
