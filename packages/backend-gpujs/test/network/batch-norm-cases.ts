// What batch norm computes, less what float64 says: the same in Node and in a browser.
import { batchNorm, freeArrays, hostArray } from '@polyak/backend-gpujs';
import type { BatchNorm, KernelArray } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';
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
import { countTextures } from '../count-textures.js';

/** With odd extents, a single position, and a dense layer. */
export const SMALL: readonly Geometry[] = [
  { layout: 'NHWC', shape: [5, 7, 3], count: 11 },
  { layout: 'NCHW', shape: [3, 5, 7], count: 11 },
  { layout: 'NHWC', shape: [13], count: 64 },
  { layout: 'NCHW', shape: [4, 1], count: 3 },
];

/** From 65,536 to a million elements a channel. */
export const LARGE: readonly Geometry[] = [
  { layout: 'NHWC', shape: [32, 32, 32], count: 64 },
  { layout: 'NCHW', shape: [32, 32, 32], count: 64 },
  { layout: 'NHWC', shape: [250, 250, 3], count: 16 },
  { layout: 'NCHW', shape: [3, 1000], count: 1000 },
  { layout: 'NHWC', shape: [2], count: 500_003 },
];

/** Greatest differences to float64, over the greatest number that float64 gives. */
export type Errors<Part extends string> = Readonly<Record<Part, number>>;

/** A layer with weights that no term of a gradient is missing with, and data around 3. */
export interface Case {
  readonly layer: BatchNorm;
  readonly affine: Affine & { readonly weight: Float32Array; readonly bias: Float32Array };
  readonly x: Float32Array;
  readonly dy: Float32Array;
}

/** The same case for the same geometry. */
export function madeCase(gpu: GPU, geometry: Geometry): Case {
  const normal = normalDeviates(1);
  const values = (length: number, mean: number): Float32Array =>
    Float32Array.from({ length }, () => mean + normal());
  const channels = channelsOf(geometry);
  const { shape, layout } = geometry;
  const layer = batchNorm(gpu, { name: 'bn', shape, layout, epsilon: 0.01, momentum: 0.25 });
  const affine = { weight: values(channels, 1), bias: values(channels, 0), epsilon: 0.01 };
  layer.parameters[0].replace(affine.weight);
  layer.parameters[1].replace(affine.bias);
  return { layer, affine, x: values(lengthOf(geometry), 3), dy: values(lengthOf(geometry), 0.5) };
}

/** Moments of data around 100 with a variance of 1. */
export async function momentsErrors(
  gpu: GPU,
  geometry: Geometry,
): Promise<Errors<'mean' | 'variance' | 'count'>> {
  const normal = normalDeviates(7);
  const x = Float32Array.from({ length: lengthOf(geometry) }, () => 100 + normal());
  const { shape, layout } = geometry;
  const layer = batchNorm(gpu, { name: 'bn', shape, layout });
  const found = await measured(layer, x);
  layer.dispose();
  const expected = moments64(geometry, x);
  return {
    mean: relativeError(found.mean, expected.mean),
    variance: relativeError(found.variance, expected.variance),
    count: found.count - lengthOf(geometry) / channelsOf(geometry),
  };
}

/** Evaluation with running statistics that were written. */
export async function inferenceErrors(
  gpu: GPU,
  geometry: Geometry,
): Promise<Errors<'y' | 'written'>> {
  const { layer, affine, x } = madeCase(gpu, geometry);
  const normal = normalDeviates(3);
  const length = channelsOf(geometry);
  const statistics = {
    mean: Float64Array.from({ length }, () => Math.fround(3 + normal())),
    variance: Float64Array.from({ length }, () => Math.fround(0.5 + normal() ** 2)),
  };
  await layer.write(statistics);
  const y = await read(layer.infer(x));
  const kept = await layer.read();
  layer.dispose();
  return {
    y: relativeError(y, normalize64(geometry, x, statistics, affine)),
    written: relativeError(
      [...kept.mean, ...kept.variance],
      [...statistics.mean, ...statistics.variance],
    ),
  };
}

/**
 * Output, running statistics and gradients in training; gradients against central differences of
 * the float64 loss.
 */
export async function trainingErrors(
  gpu: GPU,
  geometry: Geometry,
): Promise<Errors<'y' | 'mean' | 'variance' | 'input' | 'weight' | 'bias'>> {
  const { layer, affine, x, dy } = madeCase(gpu, geometry);
  const { y, backward } = await layer.train(x);
  const found = await backward(dy);
  const [output, dx, kept] = [await hostArray(y), await hostArray(found.input), await layer.read()];
  freeArrays(y, found.input);
  layer.dispose();

  const expected = moments64(geometry, x);
  const count = lengthOf(geometry) / channelsOf(geometry);
  const slope = (moved: (step: number) => readonly [ArrayLike<number>, Affine]): number => {
    const step = 1e-5;
    const [ahead = NaN, behind = NaN] = [step, -step].map((size) =>
      loss64(geometry, ...moved(size), dy),
    );
    return (ahead - behind) / (2 * step);
  };
  const some = Array.from({ length: 24 }, (_, n) => (n * 37) % x.length);
  return {
    y: relativeError(output, normalize64(geometry, x, expected, affine)),
    mean: relativeError(
      kept.mean,
      expected.mean.map((value) => 0.25 * value),
    ),
    variance: relativeError(
      kept.variance,
      expected.variance.map((value) => 0.75 + (0.25 * value * count) / (count - 1)),
    ),
    input: relativeError(
      some.map((index) => dx[index] ?? NaN),
      some.map((index) => slope((step) => [movedAt(x, index, step), affine])),
    ),
    weight: relativeError(
      found.weight,
      Array.from(affine.weight, (_, c) =>
        slope((step) => [x, { ...affine, weight: movedAt(affine.weight, c, step) }]),
      ),
    ),
    bias: relativeError(
      found.bias,
      channelMeans(geometry, (index) => dy[index] ?? NaN).map((mean) => mean * count),
    ),
  };
}

/** The textures that 1,000 rounds of training, evaluation and measuring leave behind. */
export async function leftBehind(gpu: GPU): Promise<number> {
  const { layer, x, dy } = madeCase(gpu, { layout: 'NHWC', shape: [4], count: 8 });
  const rounds = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      const { y, backward } = await layer.train(x);
      const { input } = await backward(dy);
      freeArrays(y, input, await layer.infer(x));
      await measured(layer, x);
    }
  };
  await rounds(1);
  const count = countTextures(gpu);
  await rounds(10);
  const before = count();
  await rounds(1000);
  const after = count();
  layer.dispose();
  return after - before;
}

interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly count: number;
}

async function measured(layer: BatchNorm, x: Float32Array): Promise<Moments> {
  const reported: Moments[] = [];
  const pass = {
    measures: () => true,
    report: (_: unknown, found: Moments) => void reported.push(found),
  };
  freeArrays(await layer.infer(x, pass));
  const [moments] = reported;
  if (moments === undefined) throw new Error('Nothing was reported.');
  return moments;
}

async function read(result: Promise<KernelArray>): Promise<Float32Array> {
  const array = await result;
  const values = await hostArray(array);
  freeArrays(array);
  return values;
}

function movedAt(values: ArrayLike<number>, index: number, step: number): Float64Array {
  const copy = Float64Array.from(values);
  copy[index] = (copy[index] ?? NaN) + step;
  return copy;
}
