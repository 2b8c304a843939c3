// Batch norm against float64, in each mode.
import { batchNorm, flatKernel, freeArrays, gpujsTensor, hostArray } from '@polyak/backend-gpujs';
import type { BatchNorm, KernelArray } from '@polyak/backend-gpujs';
import type { GPU as Gpu } from 'gpu.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  channelMeans,
  channelsOf,
  lengthOf,
  loss64,
  moments64,
  normalDeviates,
  normalize64,
  relativeError,
} from './batch-norm-reference.js';
import type { Affine, Geometry } from './batch-norm-reference.js';
import { GPU, isSkipped, MODES } from './modes.js';

const SMALL: readonly Geometry[] = [
  { layout: 'NHWC', shape: [5, 7, 3], count: 11 },
  { layout: 'NCHW', shape: [3, 5, 7], count: 11 },
  { layout: 'NHWC', shape: [13], count: 64 },
  { layout: 'NCHW', shape: [4, 1], count: 3 },
];

describe.each(MODES)('batchNorm on %s', (mode) => {
  describe.skipIf(isSkipped(mode))('runs here', () => {
    let gpu: Gpu;
    beforeAll(() => {
      gpu = new GPU({ mode });
    });
    afterAll(async () => gpu.destroy());

    /** A layer with weights that no term of a gradient is missing with, and data around 3. */
    const made = (geometry: Geometry, seed = 1): Case => {
      const normal = normalDeviates(seed);
      const values = (length: number, mean: number): Float32Array =>
        Float32Array.from({ length }, () => mean + normal());
      const channels = channelsOf(geometry);
      const layer = batchNorm(gpu, { name: 'bn', ...geometry, epsilon: 0.01, momentum: 0.25 });
      const affine = { weight: values(channels, 1), bias: values(channels, 0), epsilon: 0.01 };
      layer.parameters[0].replace(affine.weight);
      layer.parameters[1].replace(affine.bias);
      return { layer, affine, x: values(lengthOf(geometry), 3), dy: values(lengthOf(geometry), 0.5) };
    };

    it.each([
      { layout: 'NHWC', shape: [32, 32, 32], count: 64 },
      { layout: 'NCHW', shape: [32, 32, 32], count: 64 },
      { layout: 'NHWC', shape: [250, 250, 3], count: 16 },
      { layout: 'NCHW', shape: [3, 1000], count: 1000 },
      { layout: 'NHWC', shape: [2], count: 500_003 },
      ...SMALL,
    ] satisfies Geometry[])(
      'finds moments to 1e-6 at a mean of 100: $count × $shape, $layout',
      async (geometry) => {
        const normal = normalDeviates(7);
        const x = Float32Array.from({ length: lengthOf(geometry) }, () => 100 + normal());
        const { layer } = made(geometry);
        const moments = await measured(layer, x);
        const expected = moments64(geometry, x);
        expect(moments.count).toBe(lengthOf(geometry) / channelsOf(geometry));
        expect(relativeError(moments.mean, expected.mean)).toBeLessThan(1e-9);
        expect(relativeError(moments.variance, expected.variance)).toBeLessThan(1e-6);
        layer.dispose();
      },
    );

    it.each(SMALL)('normalises by the running statistics: $count × $shape, $layout', async (geometry) => {
      const { layer, affine, x } = made(geometry);
      const channels = channelsOf(geometry);
      const normal = normalDeviates(3);
      const statistics = {
        mean: Float64Array.from({ length: channels }, () => Math.fround(3 + normal())),
        variance: Float64Array.from({ length: channels }, () => Math.fround(0.5 + normal() ** 2)),
      };
      await layer.write(statistics);
      expect(await layer.read()).toEqual(statistics);
      const y = await read(layer.infer(x));
      expect(relativeError(y, normalize64(geometry, x, statistics, affine))).toBeLessThan(1e-6);
      expect(await layer.read()).toEqual(statistics);
      layer.dispose();
    });

    it.each(SMALL)(
      'trains: output, statistics and gradients of $count × $shape, $layout',
      async (geometry) => {
        const { layer, affine, x, dy } = made(geometry);
        const { y, backward } = await layer.train(x);
        const expected = moments64(geometry, x);
        expect(relativeError(await hostArray(y), normalize64(geometry, x, expected, affine))).toBeLessThan(
          2e-6,
        );

        const count = lengthOf(geometry) / channelsOf(geometry);
        const kept = await layer.read();
        const unbiased = expected.variance.map((value) => 0.75 + (0.25 * value * count) / (count - 1));
        expect(
          relativeError(
            kept.mean,
            expected.mean.map((value) => 0.25 * value),
          ),
        ).toBeLessThan(1e-6);
        expect(relativeError(kept.variance, unbiased)).toBeLessThan(1e-6);

        const found = await backward(dy);
        const slope = (direction: (step: number) => readonly [ArrayLike<number>, Affine]): number => {
          const step = 1e-5;
          const [ahead, behind] = [step, -step].map((size) => loss64(geometry, ...direction(size), dy));
          return ((ahead ?? NaN) - (behind ?? NaN)) / (2 * step);
        };
        const dx = await hostArray(found.input);
        const some = Array.from({ length: 24 }, (_, n) => (n * 37) % x.length);
        expect(
          relativeError(
            some.map((index) => dx[index] ?? NaN),
            some.map((index) => slope((step) => [moved(x, index, step), affine])),
          ),
        ).toBeLessThan(1e-5);
        const scales = Array.from(affine.weight, (_, c) =>
          slope((step) => [x, { ...affine, weight: moved(affine.weight, c, step) }]),
        );
        expect(relativeError(found.weight, scales)).toBeLessThan(1e-5);
        const shifts = channelMeans(geometry, (index) => dy[index] ?? NaN).map((mean) => mean * count);
        expect(relativeError(found.bias, shifts)).toBeLessThan(1e-6);
        freeArrays(y, found.input);
        layer.dispose();
      },
    );

    it('keeps the population variance where it is asked to', async () => {
      const layer = batchNorm(gpu, { name: 'bn', shape: [1], momentum: 1, varianceKind: 'population' });
      const { y } = await layer.train(Float32Array.of(1, 3));
      expect(await layer.read()).toEqual({ mean: Float64Array.of(2), variance: Float64Array.of(1) });
      freeArrays(y);
      layer.dispose();
    });

    it('takes what kernels give, and gives what they take', async () => {
      const geometry: Geometry = { layout: 'NCHW', shape: [2, 3], count: 4 };
      const { layer, affine, x } = made(geometry);
      const twice = flatKernel(gpu, 'function (a) { return 2 * a[this.thread.x]; }', { output: [x.length] });
      const doubled = await twice.run(x);
      const { y } = await layer.train(doubled);
      const found = await twice.read(y);
      const host = x.map((value) => 2 * value);
      const expected = normalize64(geometry, host, moments64(geometry, host), affine).map(
        (value) => 2 * value,
      );
      expect(relativeError(found, expected)).toBeLessThan(2e-6);
      freeArrays(doubled, y);
      twice.dispose();
      layer.dispose();
    });

    it('leaves no texture behind, in 300 rounds', { timeout: 120_000 }, async () => {
      const geometry: Geometry = { layout: 'NHWC', shape: [4], count: 8 };
      const { layer, x, dy } = made(geometry);
      const round = async (): Promise<void> => {
        const { y, backward } = await layer.train(x);
        const { input } = await backward(dy);
        freeArrays(y, input, await layer.infer(x));
        await measured(layer, x);
      };
      await round();
      await round();
      const before = liveTextures(gpu);
      for (let n = 0; n < 300; n += 1) await round();
      expect(liveTextures(gpu)).toBe(before);
      layer.dispose();
    });
  });
});

describe('batchNorm', () => {
  const gpu = new GPU({ mode: 'cpu' });
  afterAll(async () => gpu.destroy());

  it.each([
    [{ shape: [] }, 'the shape of a sample is [], expected extents >= 1'],
    [{ shape: [28, 0, 8] }, 'the shape of a sample is [28, 0, 8]'],
    [{ shape: [2.5] }, 'the shape of a sample is [2.5]'],
    [{ shape: [3000, 2000] }, 'a sample of 6000000 elements'],
    [{ shape: [2], epsilon: 0 }, 'epsilon is 0'],
    [{ shape: [2], momentum: 1.5 }, 'momentum is 1.5'],
  ])('refuses %o', (options, message) => {
    expect(() => batchNorm(gpu, { name: 'bn7', ...options })).toThrow(RangeError);
    expect(() => batchNorm(gpu, { name: 'bn7', ...options })).toThrow(`batchNorm "bn7": ${message}`);
  });

  it('refuses activations that are no whole number of samples, and names layer and shapes', async () => {
    const layer = batchNorm(gpu, { name: 'bn7', shape: [8, 26, 26], layout: 'NCHW' });
    const message =
      'batchNorm "bn7": 1000 elements, expected a multiple of 5408: NCHW samples of [8, 26, 26].';
    await expect(layer.infer(new Float32Array(1000))).rejects.toThrow(message);
    await expect(layer.train(new Float32Array(1000))).rejects.toThrow(message);
    await expect(layer.train(new Float32Array(0))).rejects.toThrow(RangeError);
    const { backward } = await layer.train(new Float32Array(2 * 5408));
    await expect(backward(new Float32Array(1000))).rejects.toThrow(message);
  });

  it('refuses to train with one value a channel, and leaves the statistics', async () => {
    const layer = batchNorm(gpu, { name: 'bn7', shape: [2] });
    await expect(layer.train(Float32Array.of(1, 2))).rejects.toThrow('batchNorm "bn7": one value a channel');
    expect((await layer.read()).mean).toEqual(new Float64Array(2));
  });

  it('refuses a parameter of another shape', async () => {
    const [weight] = batchNorm(gpu, { name: 'bn7', shape: [2] }).parameters;
    expect(() => weight.set(gpujsTensor(new Float32Array(3)))).toThrow(
      '"bn7.weight" has shape [2], found [3].',
    );
  });
});

interface Case {
  readonly layer: BatchNorm;
  readonly affine: Affine & { readonly weight: Float32Array; readonly bias: Float32Array };
  readonly x: Float32Array;
  readonly dy: Float32Array;
}

async function read(result: Promise<KernelArray>): Promise<Float32Array> {
  const array = await result;
  const values = await hostArray(array);
  freeArrays(array);
  return values;
}

async function measured(layer: BatchNorm, x: Float32Array): Promise<Moments> {
  let moments: Moments | undefined;
  const y = await layer.infer(x, { measures: () => true, report: (_, found) => (moments = found) });
  freeArrays(y);
  return moments ?? fail();
}

type Moments = { readonly mean: Float64Array; readonly variance: Float64Array; readonly count: number };

function fail(): never {
  throw new Error('Nothing was reported.');
}

function moved(values: ArrayLike<number>, index: number, step: number): Float64Array {
  const copy = Float64Array.from(values);
  copy[index] = (copy[index] ?? NaN) + step;
  return copy;
}

/** The textures that kernels of WebGL keep; elsewhere none are to be seen. */
function liveTextures(gpu: Gpu): number {
  const kernels = gpu as unknown as {
    readonly kernels: readonly { readonly textureCache?: readonly unknown[] }[];
  };
  return kernels.kernels.reduce((sum, { textureCache = [] }) => sum + textureCache.length, 0);
}
