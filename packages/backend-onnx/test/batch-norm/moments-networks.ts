// Small networks with batch norm, run on ONNX Runtime as moments graphs, and what enters their
// layers in float64.
import type { ModelProto, NodeProto } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { momentsOf } from '../../src/batch-norm/batch-moments.js';
import { isBatchNorm } from '../../src/batch-norm/batch-norm-nodes.js';
import { fromHalf, toHalf } from '../../src/half-floats.js';
import type { MomentsReduction } from '../../src/batch-norm/moments-graph.js';
import { OPTIMIZATION, momentsGraph } from '../../src/batch-norm/moments-graph.js';
import type { BuilderDType } from '../model-builder.js';
import { model, modelBytes, node, value } from '../model-builder.js';
import { tensorOver } from '../../src/dtype.js';
import type { ReferenceMoments, Volume } from './moments-reference.js';
import {
  errorOf,
  momentsIn,
  normalize,
  normals,
  pointwise,
  rectified,
  volumeOf,
} from './moments-reference.js';

const CHANNELS = 5;

type Arrays = Readonly<Record<string, Float32Array>>;

/** Two layers, each a matrix at every position and batch norm; ReLU between. */
export function network(rank: number, opset: number): ModelProto {
  const [linear, attributes] = rank === 2 ? ['Gemm', { transB: 1 }] : ['Conv', {}];
  const dims = ['n', 3, ...Array.from({ length: rank - 2 }, (_, axis) => `d${axis}`)];
  const kernel = rank === 2 ? [] : Array.from({ length: rank - 2 }, () => 1);
  const norms = ['1', '2'].flatMap((i) =>
    ['scale', 'bias', 'mean', 'var'].map((key) => value(`bn${i}.${key}`, [CHANNELS])),
  );
  return model({
    opset,
    nodes: [
      node(linear, ['x', 'w1', 'b1'], ['h1'], attributes),
      node('BatchNormalization', ['h1', 'bn1.scale', 'bn1.bias', 'bn1.mean', 'bn1.var'], ['n1'], {
        epsilon: { float: 0.01 },
      }),
      node('Relu', ['n1'], ['r1']),
      node(linear, ['r1', 'w2', 'b2'], ['h2'], attributes),
      node('BatchNormalization', ['h2', 'bn2.scale', 'bn2.bias', 'bn2.mean', 'bn2.var'], ['n2']),
      node('Sigmoid', ['n2'], ['y']),
    ],
    inputs: [
      value('x', dims),
      value('w1', [CHANNELS, 3, ...kernel]),
      value('b1', [CHANNELS]),
      value('w2', [CHANNELS, CHANNELS, ...kernel]),
      value('b2', [CHANNELS]),
      ...norms,
    ],
    outputs: [value('y', ['n', CHANNELS, ...dims.slice(2)])],
  });
}

const WEIGHTS: Arrays = {
  w1: normals(CHANNELS * 3, 1),
  b1: normals(CHANNELS, 2),
  w2: normals(CHANNELS * CHANNELS, 3),
  b2: normals(CHANNELS, 4, 100),
  'bn1.scale': normals(CHANNELS, 5, 1, 0.1),
  'bn1.bias': normals(CHANNELS, 6),
  'bn1.mean': normals(CHANNELS, 7),
  'bn1.var': normals(CHANNELS, 8, 3, 0.1),
  'bn2.scale': normals(CHANNELS, 9),
  'bn2.bias': normals(CHANNELS, 10),
  'bn2.mean': normals(CHANNELS, 11).fill(NaN),
  'bn2.var': normals(CHANNELS, 12).fill(NaN),
};

export function feed(
  name: string,
  dims: readonly number[],
  data: Float32Array,
): [string, ort.Tensor] {
  return [name, new ort.Tensor('float32', data, [...dims])];
}

export function batchNorms(of: ModelProto): readonly NodeProto[] {
  return (of.graph?.node ?? []).filter(isBatchNorm);
}

/** What a moments graph computed. */
export interface Run {
  readonly moments: readonly ReferenceMoments[];
  readonly inputNames: readonly string[];
}

/** What the graph finds for `wanted`, in their order. */
export async function run(
  of: ModelProto,
  wanted: readonly NodeProto[],
  reduction: MomentsReduction,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<Run> {
  const bytes = modelBytes(momentsGraph(of, new Set(wanted), reduction));
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: OPTIMIZATION[reduction],
    logSeverityLevel: 3,
  });
  try {
    const { inputNames, outputNames } = session;
    const taken = inputNames.map((name) => [name, feeds[name] as ort.Tensor] as const);
    const results = await session.run(Object.fromEntries(taken));
    const [rows, shapes] = outputNames.map((name) => (results[name] as ort.Tensor).data);
    let start = 0;
    const moments = wanted.map((_, index) => {
      const shape = (shapes as BigInt64Array).subarray(3 * index, 3 * index + 3);
      const [samples = 0, channels = 0, positions = 0] = Array.from(shape, Number);
      const end = start + channels * (reduction === 'training-mode' ? 2 : 3);
      const part = (rows as Float32Array).subarray(start, end);
      start = end;
      return momentsOf(part, channels, samples * positions);
    });
    return { moments, inputNames };
  } finally {
    await session.release();
  }
}

/**
 * What enters both layers of {@link network}, where the first normalizes by the batch's statistics
 * or by its running ones.
 */
export function entering(x: Volume, isFirstWanted: boolean): readonly [Volume, Volume] {
  const of = (key: string): Float32Array => WEIGHTS[key] as Float32Array;
  const first = pointwise(x, of('w1'), of('b1'));
  const running = {
    mean: Float64Array.from(of('bn1.mean')),
    variance: Float64Array.from(of('bn1.var')),
  };
  const norm = { scale: of('bn1.scale'), bias: of('bn1.bias'), epsilon: Math.fround(0.01) };
  const normal = normalize(first, isFirstWanted ? momentsIn(first) : running, norm);
  return [first, pointwise(rectified(normal), of('w2'), of('b2'))];
}

const SPACES: Readonly<Record<number, readonly number[]>> = {
  2: [],
  3: [40],
  4: [7, 5],
  5: [3, 4, 2],
};

export function feedsFor(
  rank: number,
  samples: number,
): { x: Volume; feeds: Record<string, ort.Tensor> } {
  const space = SPACES[rank] ?? [];
  const dims = [samples, 3, ...space];
  const data = normals(
    dims.reduce((a, b) => a * b, 1),
    20 + rank,
    2,
  );
  const kernel = space.map(() => 1);
  const shapes: Record<string, number[]> = {
    w1: [CHANNELS, 3, ...kernel],
    w2: [CHANNELS, CHANNELS, ...kernel],
  };
  const weights = Object.entries(WEIGHTS).map(([name, values]) =>
    feed(name, shapes[name] ?? [CHANNELS], values),
  );
  return {
    x: volumeOf(data, dims),
    feeds: Object.fromEntries([...weights, feed('x', dims, data)]),
  };
}

/** Batch norm after batch norm, so that what the first gives out must have the right type. */
export function twice(
  opset: number,
  dtype: 'float16' | 'float64',
  statistics: BuilderDType,
): { of: ModelProto; feeds: Record<string, ort.Tensor>; x: Volume } {
  const dims = [40, 3, 11];
  const scaleType = opset === 20 ? 'float32' : dtype;
  const of = model({
    opset,
    nodes: [
      node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['h']),
      node('BatchNormalization', ['h', 's', 'b', 'm2', 'v2'], ['y']),
    ],
    inputs: [
      value('x', ['n', 3, 'l'], dtype),
      ...['s', 'b'].map((name) => value(name, [3], scaleType)),
      ...['m', 'v', 'm2', 'v2'].map((name) => value(name, [3], statistics)),
    ],
    outputs: [value('y', ['n', 3, 'l'], dtype)],
  });
  const make = (
    type: BuilderDType,
    values: readonly number[],
    shape: readonly number[],
  ): ort.Tensor => {
    if (type === 'float16')
      return tensorOver(ort, { dtype: type, shape, data: toHalf(type, Float64Array.from(values)) });
    return type === 'float64'
      ? new ort.Tensor('float64', Float64Array.from(values), [...shape])
      : new ort.Tensor('float32', Float32Array.from(values), [...shape]);
  };
  const exact = Float64Array.from(normals(40 * 33, 1, 3));
  const values = [...(dtype === 'float16' ? fromHalf('float16', toHalf('float16', exact)) : exact)];
  const feeds: Record<string, ort.Tensor> = {
    x: make(dtype, values, dims),
    s: make(scaleType, [2, 2, 2], [3]),
    b: make(scaleType, [1, 1, 1], [3]),
  };
  for (const name of ['m', 'v', 'm2', 'v2']) feeds[name] = make(statistics, [1, 1, 1], [3]);
  return { of, feeds, x: volumeOf(values, dims) };
}

/** One layer over `dims`. */
export async function expectExact(
  dims: readonly number[],
  reduction: MomentsReduction,
): Promise<void> {
  const channels = dims[1] ?? 0;
  const names = ['s', 'b', 'm', 'v'];
  const of = model({
    nodes: [node('BatchNormalization', ['x', ...names], ['y'])],
    inputs: [
      value(
        'x',
        dims.map((__, axis) => `d${axis}`),
      ),
      ...names.map((name) => value(name, [channels])),
    ],
    outputs: [
      value(
        'y',
        dims.map((__, axis) => `d${axis}`),
      ),
    ],
  });
  const data = normals(
    dims.reduce((a, b) => a * b, 1),
    1,
    100,
  );
  const feeds = names.map((name) => feed(name, [channels], normals(channels, 2, 1)));
  const { moments } = await run(
    of,
    batchNorms(of),
    reduction,
    Object.fromEntries([...feeds, feed('x', dims, data)]),
  );
  const error = errorOf(moments[0], momentsIn(volumeOf(data, dims)), reduction === 'reduce-mean');
  expect(error).toBeLessThan(1e-5);
}
