// The mean of checkpoints, against means computed another way, and the list of what differs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { averageModels, loadOnnxModel } from '@polyak/backend-onnx';
import type { OnnxModel } from '@polyak/backend-onnx';
import * as fc from 'fast-check';
import type { TensorProto } from '@polyak/backend-onnx/proto';
import { halfFromFloat, halfToFloat32 } from '@polyak/core/kit';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';
import { feeds, gemm, numbers } from '../small-model.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-average-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function withAverage<R>(
  sources: readonly (string | Uint8Array)[],
  use: (average: OnnxModel) => R | Promise<R>,
  options = {},
): Promise<R> {
  const average = await averageModels(ort, sources, options);
  try {
    return await use(average);
  } finally {
    await average.release();
  }
}

const elements = (average: OnnxModel, name: string): ArrayLike<number> =>
  average.initializers.get(name)?.get().data as Float32Array;

/** Weights beside a graph that does not read them: any dtype and shape will do. */
const holding = (...initializers: TensorProto[]): Uint8Array =>
  modelBytes(
    model({
      nodes: [node('Identity', ['x'], ['y'])],
      initializers,
      inputs: [value('x', [1])],
      outputs: [value('y', [1])],
    }),
  );

describe('averageModels', () => {
  it('averages files and runs with the mean', async () => {
    const paths = [];
    for (const [index, w] of [
      [1, 2, 3, 4],
      [3, 4, 5, 6],
      [5, 6, 7, 8],
    ].entries()) {
      const path = join(folder, `checkpoint${index}.onnx`);
      await writeFile(path, modelBytes(gemm(w, [index * 30, 20])));
      paths.push(path);
    }
    await withAverage(paths, async (average) => {
      expect([...(elements(average, 'w') as Float32Array)]).toEqual([3, 4, 5, 6]);
      expect(numbers((await average.run(feeds()))['y'])).toEqual([46, 40]);
      await average.save(join(folder, 'average.onnx'));
    });
    const loaded = await loadOnnxModel(ort, join(folder, 'average.onnx'));
    expect(numbers((await loaded.run(feeds()))['y'])).toEqual([46, 40]);
    await loaded.release();
  });

  it('is the float64 mean, rounded once, in every dtype', async () => {
    const anyRow = fc.array(
      fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }),
      {
        minLength: 5,
        maxLength: 5,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 12 }), async (rows) => {
        const halves = rows.map((row) => halfFromFloat('float16', Float64Array.from(row)));
        const brains = rows.map((row) => halfFromFloat('bfloat16', Float64Array.from(row)));
        const files = rows.map((row, k) =>
          holding(
            tensor('single', [5], row),
            tensor(
              'double',
              [5],
              row.map((each) => each / 3),
              'float64',
            ),
            tensor('half', [5], halves[k] ?? [], 'float16'),
            tensor('brain', [5], brains[k] ?? [], 'bfloat16'),
          ),
        );
        const meanOf = (lists: readonly ArrayLike<number>[]): Float64Array =>
          Float64Array.from(
            { length: 5 },
            (_, i) => lists.reduce((sum, list) => sum + (list[i] ?? 0), 0) / lists.length,
          );
        await withAverage(files, (average) => {
          const single = meanOf(rows);
          for (let i = 0; i < 5; i += 1) {
            const expected = single[i] ?? 0;
            // A float64 mean in another order may round to the other neighbour where it lies
            // between two float32.
            expect(Math.abs((elements(average, 'single')[i] ?? 0) - expected)).toBeLessThanOrEqual(
              Math.abs(expected) * 2 ** -24 + 2 ** -45,
            );
            const double = expected / 3;
            expect(Math.abs((elements(average, 'double')[i] ?? 0) - double)).toBeLessThanOrEqual(
              1000 * 2 ** -51,
            );
          }
          const half = meanOf(halves.map((bits) => halfToFloat32('float16', bits)));
          const data = average.initializers.get('half')?.get().data as Uint16Array;
          const bits = new Uint16Array(data.buffer, data.byteOffset, 5);
          expect(Array.from(halfToFloat32('float16', bits), (each) => each + 0)).toEqual(
            Array.from(
              halfToFloat32('float16', halfFromFloat('float16', half)),
              (each) => each + 0,
            ),
          );
          // bfloat16 has no tensors in onnxruntime-node: it stays in the graph.
          const brain = average.proto.graph?.initializer.find(
            ({ name }) => name === 'brain',
          )?.rawData;
          const expected = halfFromFloat(
            'bfloat16',
            meanOf(brains.map((each) => halfToFloat32('bfloat16', each))),
          );
          const found = new Uint16Array(Uint8Array.from(brain ?? []).buffer);
          expect(Array.from(halfToFloat32('bfloat16', found), (each) => each + 0)).toEqual(
            Array.from(halfToFloat32('bfloat16', expected), (each) => each + 0),
          );
        });
      }),
      { numRuns: 50, seed: 5 },
    );
  });

  it('gives equal values back to the bit, infinities and zeros too', async () => {
    const single = [0.1, -0, Infinity, -Infinity, 3.4028234663852886e38, 1e-45];
    const double = [0.1, 1 / 3, Infinity, -1.7976931348623157e308, 5e-324, -0];
    const file = holding(tensor('single', [6], single), tensor('double', [6], double, 'float64'));
    await withAverage([file, file, file, file, file, file, file], (average) => {
      expect(elements(average, 'single')).toEqual(Float32Array.from(single));
      expect(elements(average, 'double')).toEqual(Float64Array.from(double));
    });
  });

  it('averages tensors of any size, with infinities that all files have', async () => {
    const size = 20_011;
    const rows = [0, 1, 2].map((k) =>
      Float64Array.from({ length: size }, (_, i) => {
        if (i === size - 1) return -Infinity;
        return Math.sin(i + 10 * k) * 2 ** (((i * 7) % 30) - 15);
      }),
    );
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const halves = rows.map((row) => halfFromFloat(dtype, row));
      const values = halves.map((bits) => halfToFloat32(dtype, bits));
      const mean = Float64Array.from({ length: size }, (_, i) => {
        return values.reduce((sum, each) => sum + (each[i] ?? NaN), 0) / 3;
      });
      await withAverage(
        halves.map((bits) => holding(tensor('w', [size], bits, dtype))),
        (average) => {
          // bfloat16 stays in the graph.
          const kept = average.proto.graph?.initializer[0]?.rawData;
          const data = average.initializers.get('w')?.get().data as Uint16Array | undefined;
          const { buffer } = Uint8Array.from(kept ?? []);
          const found = data ?? new Uint16Array(buffer);
          const bits = new Uint16Array(found.buffer, found.byteOffset, size);
          expect(bits).toEqual(halfFromFloat(dtype, mean));
        },
      );
    }
  });

  it('does not overflow between the largest numbers', async () => {
    const largest = 1.7976931348623157e308;
    const files = [largest, -largest, largest].map((each) =>
      holding(tensor('w', [1], [each], 'float64')),
    );
    await withAverage(files, (average) => {
      expect((elements(average, 'w')[0] ?? 0) / largest).toBeCloseTo(1 / 3, 12);
    });
  });

  it('weighs the files', async () => {
    const files = [1, 2, 10].map((each) => holding(tensor('w', [1], [each])));
    const mean = async (weights: readonly number[]): Promise<number | undefined> =>
      withAverage(files, (average) => elements(average, 'w')[0], { weights });
    expect(await mean([1, 1, 2])).toBe(5.75);
    expect(await mean([0, 0, 3])).toBe(10);
    expect(await mean([0, 5, 0])).toBe(2);
    expect(await mean([1e-320, 1e-320, 2e-320])).toBe(5.75);
    expect(await mean([4e307, 4e307, 8e307])).toBe(5.75);
    for (const weights of [
      [1, 2],
      [1, 1, -1],
      [0, 0, 0],
      [1, 1, NaN],
      [1, 1, Infinity],
    ]) {
      await expect(averageModels(ort, files, { weights })).rejects.toThrow(RangeError);
    }
    await expect(averageModels(ort, [])).rejects.toThrow(RangeError);
  });

  it('refuses NaN, and infinities that not all files have, naming file and tensor', async () => {
    const pairs = [NaN, Infinity].flatMap((odd) => [
      [1, odd],
      [odd, 1],
      [odd, -odd],
    ]);
    for (const values of pairs) {
      const average = averageModels(
        ort,
        values.map((each) => holding(tensor('w', [1], [each]))),
      );
      await expect(average).rejects.toMatchObject({
        code: 'ERR_NON_FINITE',
        message: expect.stringMatching(/model \d: "w"/) as string,
      });
    }
  });

  it('lets documentation, names, order and metadata differ', async () => {
    const other = gemm([3, 4, 5, 6]);
    other.docString = 'exported later';
    other.producerVersion = '2';
    other.graph?.initializer.reverse();
    for (const each of other.graph?.node ?? []) {
      each.name = `renamed_${each.name}`;
      each.docString = 'line 7';
    }
    await withAverage([modelBytes(gemm()), modelBytes(other)], (average) => {
      expect([...(elements(average, 'w') as Float32Array)]).toEqual([2, 3, 4, 5]);
    });
  });
});
