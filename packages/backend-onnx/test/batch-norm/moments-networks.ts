// Small networks with batch norm, run on ONNX Runtime as moments graphs, and what enters their
// layers in float64.
import { batchNormModel, onnxParameter } from '@polyak/backend-onnx';
import type { MomentsReduction } from '@polyak/backend-onnx';
import type { BatchNormLayer } from '@polyak/core/interfaces';
import type { ModelProto } from '@polyak/backend-onnx/proto';
import { halfFromFloat, halfToFloat32 } from '@polyak/core/kit';
import * as ort from 'onnxruntime-node';
import { expect, vi } from 'vitest';
import type { BuilderDType } from '../model-builder.js';
import { model, node, value } from '../model-builder.js';
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

/** What a pass found. */
export interface Run {
  readonly moments: readonly ReferenceMoments[];
  /** The names of the weights that it read. */
  readonly read: readonly string[];
}

/**
 * One pass over a graph that has its weights among its inputs.
 *
 * @param wanted - the places of layers, in the order of the nodes
 * @param feeds - the weights and the batch; weights that are not among them are ones
 */
export async function run(
  of: ModelProto,
  wanted: readonly number[],
  reduction: MomentsReduction,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<Run> {
  const inputs = of.graph?.input.map(({ name }) => name) ?? [];
  const cells = inputs
    .filter((name) => !BATCH.includes(name))
    .map((name) => onnxParameter(name, feeds[name] ?? new ort.Tensor('float32', [1, 1], [2])));
  const initializers = new Map(cells.map((cell) => [cell.name, cell]));
  const source = { proto: of, initializers, inputNames: BATCH };
  const batchNorm = batchNormModel(ort, source, { reduction });
  const gets = cells.map((cell) => vi.spyOn(cell, 'get'));
  try {
    const layers = wanted.map((place) => batchNorm.layers[place] as BatchNormLayer);
    const moments = await batchNorm.batchMoments(feeds, layers);
    const read = cells.filter((_, n) => (gets[n]?.mock.calls.length ?? 0) > 0);
    return { moments, read: read.map(({ name }) => name) };
  } finally {
    await batchNorm.release();
  }
}

/** The inputs that are no weights. */
const BATCH = ['x', 'condition'];

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

/** Bits as ORT's own tensors hold them on this Node. */
function float16(bits: Uint16Array<ArrayBuffer>, shape: readonly number[]): ort.Tensor {
  type Halves = new (buffer: ArrayBuffer) => Uint16Array;
  const { Float16Array: Elements = Uint16Array } = globalThis as { Float16Array?: Halves };
  return new ort.Tensor('float16', new Elements(bits.buffer), [...shape]);
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
    if (type === 'float16') return float16(halfFromFloat(type, Float64Array.from(values)), shape);
    return type === 'float64'
      ? new ort.Tensor('float64', Float64Array.from(values), [...shape])
      : new ort.Tensor('float32', Float32Array.from(values), [...shape]);
  };
  const exact = Float64Array.from(normals(40 * 33, 1, 3));
  const values = [
    ...(dtype === 'float16' ? halfToFloat32('float16', halfFromFloat('float16', exact)) : exact),
  ];
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
    [0],
    reduction,
    Object.fromEntries([...feeds, feed('x', dims, data)]),
  );
  const error = errorOf(moments[0], momentsIn(volumeOf(data, dims)), reduction === 'reduce-mean');
  expect(error).toBeLessThan(1e-5);
}
