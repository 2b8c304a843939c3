// Batch-norm update of a network made of kernels, in each mode.
import { batchNorm, batchNormModel, flatKernel, freeArrays } from '@polyak/backend-gpujs';
import type { BatchNorm, FlatKernel } from '@polyak/backend-gpujs';
import { bnUpdate } from '@polyak/core';
import type { BatchNormModel } from '@polyak/core/interfaces';
import type { GPU as Gpu } from 'gpu.js';
import { afterAll, describe, expect, it } from 'vitest';
import { moments64, normalDeviates, normalize64, relativeError } from './batch-norm-reference.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { GPU, MODES } from '../../../../tests/support/gpujs/modes.js';

const CHANNELS = 3;
const IDENTITY = { weight: [1, 1, 1], bias: [0, 0, 0], epsilon: 1e-3 };

describeModes(MODES, (_, bench) => {
  it.each(['cumulative', 'unweighted', 'pooled'] as const)(
    'updates two layers with a kernel between them, %s',
    async (statistics) => {
      const { model, layers, dispose } = network(bench.gpu);
      const normal = normalDeviates(5);
      const batches = [8, 8, 3].map((samples) =>
        Float32Array.from({ length: samples * CHANNELS }, () => 20 + normal()),
      );
      await bnUpdate(batches, model, { statistics });

      const perBatch = batches.map((batch) => {
        const geometry = {
          layout: 'NHWC',
          shape: [CHANNELS],
          count: batch.length / CHANNELS,
        } as const;
        const first = moments64(geometry, batch);
        const squares = normalize64(geometry, batch, first, IDENTITY).map((value) => value * value);
        return { count: geometry.count, moments: [first, moments64(geometry, squares)] };
      });
      for (const [index, layer] of layers.entries()) {
        const parts = perBatch.map(({ count, moments }) => ({
          count,
          ...(moments[index] ?? fail()),
        }));
        const found = await layer.read();
        const expected = merged(parts, statistics);
        expect(relativeError(found.mean, expected.mean)).toBeLessThan(1e-6);
        expect(relativeError(found.variance, expected.variance)).toBeLessThan(1e-5);
      }
      dispose();
    },
  );

  it('normalises by the running statistics in a layer that an update leaves out', async () => {
    const { model, layers, dispose } = network(bench.gpu);
    const batch = Float32Array.of(1, 2, 3, 3, 6, 9);
    await bnUpdate([batch], model, { statistics: 'pooled', include: ({ name }) => name === 'bn2' });
    const [first, second] = [await layers[0].read(), await layers[1].read()];
    expect(first).toEqual({ mean: Float64Array.of(0, 0, 0), variance: Float64Array.of(1, 1, 1) });
    // The squares of what went in, over 1 + epsilon.
    const mean = [5, 20, 45].map((value) => value / 1.001);
    expect(relativeError(second.mean, mean)).toBeLessThan(1e-6);
    dispose();
  });

  it('reports a layer that runs twice with all its inputs together', async () => {
    const layer = batchNorm(bench.gpu, { name: 'shared', shape: [1] });
    const model = batchNormModel({
      layers: [layer],
      forward: async (batch: readonly Float32Array[], pass) => {
        for (const x of batch) freeArrays(await layer.infer(x, pass));
        return undefined;
      },
      sampleCount: (batch) => batch.length,
    });
    await bnUpdate([[Float32Array.of(1, 2), Float32Array.of(6, 7, 9)]], model, {
      statistics: 'pooled',
    });
    const { mean, variance } = await layer.read();
    expect(mean[0]).toBeCloseTo(5, 6);
    expect(variance[0]).toBeCloseTo(9.2, 5);
    layer.dispose();
  });
});

describe('batchNormModel', () => {
  const gpu = new GPU({ mode: 'cpu' });
  afterAll(async () => gpu.destroy());

  it('says which layer the forward pass did not reach, and leaves all as it was', async () => {
    const layer = batchNorm(gpu, { name: 'bn7', shape: [1] });
    const model = batchNormModel({
      layers: [layer],
      // The pass is not handed on.
      forward: async (batch: Float32Array) => [await layer.infer(batch)],
      sampleCount: (batch) => batch.length,
    });
    const update = bnUpdate([Float32Array.of(1, 2)], model);
    await expect(update).rejects.toMatchObject({ code: 'ERR_BATCH_NORM' });
    await expect(update).rejects.toThrow('did not reach "bn7"');
    expect(await layer.read()).toEqual({ mean: Float64Array.of(0), variance: Float64Array.of(1) });
  });

  it('refuses two layers of one name', () => {
    const layers = [1, 2].map(() => batchNorm(gpu, { name: 'bn7', shape: [1] }));
    expect(() =>
      batchNormModel({ layers, forward: async () => undefined, sampleCount: () => 1 }),
    ).toThrow('batchNormModel: two layers have the name "bn7", expected unique names.');
  });

  it('names the layer whose activations are not finite', async () => {
    const { model, layers } = network(gpu);
    await expect(bnUpdate([Float32Array.of(1, 2, 3, 4, NaN, 6)], model)).rejects.toThrow(
      'layer "bn1"',
    );
    expect((await layers[0].read()).mean).toEqual(new Float64Array(3));
  });
});

/** Batch norm, squares, batch norm. */
function network(gpu: Gpu): {
  readonly model: BatchNormModel<Float32Array>;
  readonly layers: readonly [BatchNorm, BatchNorm];
  dispose(): void;
} {
  const layer = (name: string): BatchNorm =>
    batchNorm(gpu, { name, shape: [CHANNELS], epsilon: 1e-3 });
  const layers = [layer('bn1'), layer('bn2')] as const;
  const squares = new Map<number, FlatKernel>();
  const squareOf = (length: number): FlatKernel => {
    const source = 'function (x) { return x[this.thread.x] * x[this.thread.x]; }';
    const kernel = squares.get(length) ?? flatKernel(gpu, source, { output: [length] });
    squares.set(length, kernel);
    return kernel;
  };
  return {
    layers,
    model: batchNormModel({
      layers,
      forward: async (batch: Float32Array, pass) => {
        const y = await layers[0].infer(batch, pass);
        const square = await squareOf(batch.length).run(y);
        return [y, square, await layers[1].infer(square, pass)];
      },
      sampleCount: (batch) => batch.length / CHANNELS,
    }),
    dispose() {
      for (const each of [...layers, ...squares.values()]) each.dispose();
    },
  };
}

interface Part {
  readonly count: number;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Each statistic by its definition. */
function merged(
  parts: readonly Part[],
  statistics: 'cumulative' | 'unweighted' | 'pooled',
): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const weights = parts.map(({ count }) => (statistics === 'unweighted' ? 1 : count));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const weighed = (term: (part: Part, c: number) => number): Float64Array =>
    new Float64Array(CHANNELS).map(
      (_, c) =>
        parts.reduce((sum, part, n) => sum + term(part, c) * (weights[n] ?? NaN), 0) / total,
    );
  const mean = weighed((part, c) => part.mean[c] ?? NaN);
  const variance = weighed(({ count, ...part }, c) =>
    statistics === 'pooled'
      ? (part.variance[c] ?? NaN) + ((part.mean[c] ?? NaN) - (mean[c] ?? NaN)) ** 2
      : ((part.variance[c] ?? NaN) * count) / (count - 1),
  );
  return { mean, variance };
}

function fail(): never {
  throw new Error('There are two layers.');
}
