// Batch norm against float64, in each mode of Node.
import { batchNorm, flatKernel, freeArrays, gpujsTensor } from '@polyak/backend-gpujs';
import { afterAll, describe, expect, it } from 'vitest';
import {
  inferenceErrors,
  LARGE,
  leftBehind,
  madeCase,
  momentsErrors,
  SMALL,
  trainingErrors,
} from './batch-norm-cases.js';
import { moments64, normalize64, relativeError } from './batch-norm-reference.js';
import type { Geometry } from './batch-norm-reference.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { GPU, MODES } from '../../../../tests/support/gpujs/modes.js';

describeModes(MODES, (_, bench) => {
  it.each([...LARGE, ...SMALL])(
    'finds moments to 1e-6 at a mean of 100: $count × $shape, $layout',
    async (geometry) => {
      const { mean, variance, count } = await momentsErrors(bench.gpu, geometry);
      expect(mean).toBeLessThan(1e-9);
      expect(variance).toBeLessThan(1e-6);
      expect(count).toBe(0);
    },
  );

  it.each(SMALL)(
    'normalises by the running statistics: $count × $shape, $layout',
    async (geometry) => {
      const { y, written } = await inferenceErrors(bench.gpu, geometry);
      expect(y).toBeLessThan(1e-6);
      expect(written).toBe(0);
    },
  );

  it.each(SMALL)(
    'trains: output, statistics and gradients of $count × $shape, $layout',
    async (geometry) => {
      const errors = await trainingErrors(bench.gpu, geometry);
      for (const error of [errors.mean, errors.variance, errors.bias])
        expect(error).toBeLessThan(1e-6);
      expect(errors.y).toBeLessThan(2e-6);
      for (const error of [errors.input, errors.weight]) expect(error).toBeLessThan(1e-5);
    },
  );

  it('keeps the population variance where it is asked to', async () => {
    const layer = batchNorm(bench.gpu, {
      name: 'bn',
      shape: [1],
      momentum: 1,
      varianceKind: 'population',
    });
    const { y } = await layer.train(Float32Array.of(1, 3));
    expect(await layer.read()).toEqual({ mean: Float64Array.of(2), variance: Float64Array.of(1) });
    freeArrays(y);
    layer.dispose();
  });

  it('takes what kernels give, and gives what they take', async () => {
    const geometry: Geometry = { layout: 'NCHW', shape: [2, 3], count: 4 };
    const { layer, affine, x } = madeCase(bench.gpu, geometry);
    const twice = flatKernel(bench.gpu, 'function (a) { return 2 * a[this.thread.x]; }', {
      output: [x.length],
    });
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

  it('leaves no texture behind in 1,000 rounds', { timeout: 400_000 }, async () => {
    expect(await leftBehind(bench.gpu)).toBe(0);
  });
});

describe('batchNorm', () => {
  const gpu = new GPU({ mode: 'cpu' });
  afterAll(async () => gpu.destroy());

  it.each([
    [{ shape: [] }, 'the shape of a sample is [], expected extents >= 1'],
    [{ shape: [28, 0, 8] }, 'the shape of a sample is [28, 0, 8]'],
    [{ shape: [2.5] }, 'the shape of a sample is [2.5]'],
    [{ shape: [3000, 2000] }, 'a sample has 6000000 elements'],
    [{ shape: [2], epsilon: 0 }, 'epsilon is 0'],
    [{ shape: [2], momentum: 1.5 }, 'momentum is 1.5'],
  ])('refuses %o', (options, message) => {
    expect(() => batchNorm(gpu, { name: 'bn7', ...options })).toThrow(RangeError);
    expect(() => batchNorm(gpu, { name: 'bn7', ...options })).toThrow(
      `batchNorm "bn7": ${message}`,
    );
  });

  it('refuses activations of no whole number of samples, naming layer and shapes', async () => {
    const layer = batchNorm(gpu, { name: 'bn7', shape: [8, 26, 26], layout: 'NCHW' });
    const message =
      'batchNorm "bn7": the input has 1000 elements, expected a multiple of 5408: NCHW ' +
      'samples of [8, 26, 26].';
    await expect(layer.infer(new Float32Array(1000))).rejects.toThrow(message);
    await expect(layer.train(new Float32Array(1000))).rejects.toThrow(message);
    await expect(layer.train(new Float32Array(0))).rejects.toThrow(RangeError);
    const { backward } = await layer.train(new Float32Array(2 * 5408));
    await expect(backward(new Float32Array(1000))).rejects.toThrow(message);
  });

  it('refuses to train with one value a channel, and leaves the statistics', async () => {
    const layer = batchNorm(gpu, { name: 'bn7', shape: [2] });
    await expect(layer.train(Float32Array.of(1, 2))).rejects.toThrow(
      'batchNorm "bn7": the batch has one value a channel',
    );
    expect((await layer.read()).mean).toEqual(new Float64Array(2));
  });

  it('refuses a parameter of another shape', async () => {
    const [weight] = batchNorm(gpu, { name: 'bn7', shape: [2] }).parameters;
    expect(() => weight.set(gpujsTensor(new Float32Array(3)))).toThrow(
      '"bn7.weight": the tensor to set is float32[3] with 3 elements, expected float32[2].',
    );
  });
});
