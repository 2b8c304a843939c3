// Networks, weights and images for the tests of the ONNX graphs.
import { elementCount } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';

import { mulberry32 } from '../src/data/random.js';
import { batchNorm } from '../src/onnx/layers/batch-norm-layer.js';
import { convolution } from '../src/onnx/layers/convolution.js';
import { dense } from '../src/onnx/layers/dense.js';
import type { Layer, TensorPlan } from '../src/onnx/layers/layer.js';
import { flatten, maxPool, relu } from '../src/onnx/layers/pooling.js';
import { classes, digitLayers, digitShapes } from '../src/onnx/network.js';
import type { Tensor64, Weights64 } from './onnx-reference.js';

/** A network, and a batch of images that float32 holds exactly. */
export interface Case {
  readonly layers: readonly Layer[];
  readonly shapes: { readonly imageShape: readonly number[]; readonly classes: number };
  readonly weights: Weights64;
  readonly images: Tensor64;
  readonly labels: readonly number[];
}

/** The network of the demo. */
export function digitsCase(count: number, seed = 1): Case {
  return caseOf(digitLayers, { ...digitShapes, classes }, count, seed);
}

/**
 * The same at a size that allows every weight to be moved, and with a row or column left over at
 * each pooling.
 */
export function smallCase(count: number, seed = 1): Case {
  const layers = [
    convolution('conv1', 2, 3, 3), // 3 × 15 × 11
    batchNorm('bn1', 3),
    relu(),
    maxPool(2), // 3 × 7 × 5
    convolution('conv2', 3, 4, 3), // 4 × 5 × 3
    batchNorm('bn2', 4),
    relu(),
    maxPool(2), // 4 × 2 × 1
    flatten(),
    dense('dense1', 8, 6),
    relu(),
    dense('dense2', 6, 4),
  ];
  return caseOf(layers, { imageShape: [2, 17, 13], classes: 4 }, count, seed);
}

function caseOf(
  layers: readonly Layer[],
  shapes: Case['shapes'],
  count: number,
  seed: number,
): Case {
  const random = mulberry32(seed);
  const uniform = (): number => Math.fround(random() / 2 ** 31 - 1);
  const tensorOf = (shape: readonly number[], value: () => number): Tensor64 => ({
    shape,
    data: Float64Array.from({ length: elementCount(shape) }, value),
  });
  return {
    layers,
    shapes,
    weights: new Map(
      plansOf(layers).map((plan) => [plan.name, tensorOf(plan.shape, () => drawn(plan, uniform))]),
    ),
    images: tensorOf([count, ...shapes.imageShape], uniform),
    labels: Array.from({ length: count }, () => random() % shapes.classes),
  };
}

/** Away from 0 and 1, so that no term of a gradient is missing for want of a weight. */
function drawn({ name, initial }: TensorPlan, uniform: () => number): number {
  if (name.endsWith('.running_var')) return Math.fround(1.5 + uniform());
  if ('fill' in initial) return Math.fround(initial.fill + 0.5 * uniform());
  return Math.fround(uniform() * Math.sqrt(6 / initial.heNormalFanIn));
}

/** All tensors that a network owns. */
export function plansOf(layers: readonly Layer[]): readonly TensorPlan[] {
  return layers.flatMap((layer) => [...layer.parameters, ...layer.statistics]);
}

/** What the graphs take: the batch and the weights. */
export function feedsOf({ weights, images, labels }: Case): Record<string, ort.Tensor> {
  return {
    ...Object.fromEntries([...weights].map(([name, value]) => [name, float32(value)])),
    images: float32(images),
    labels: new ort.Tensor('int64', BigInt64Array.from(labels, BigInt), [labels.length]),
  };
}

/** The same tensor in float32. */
export function float32({ shape, data }: Tensor64): ort.Tensor {
  return new ort.Tensor('float32', Float32Array.from(data), shape);
}

/** Runs a model once. */
export async function runOnce(
  model: Uint8Array,
  feeds: Record<string, ort.Tensor>,
): Promise<Record<string, Float32Array>> {
  const session = await ort.InferenceSession.create(model);
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
  );
}

/** max |found - expected| / max |expected| */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [most, size] = [0, 0];
  for (let index = 0; index < expected.length; index += 1) {
    most = Math.max(most, Math.abs((found[index] ?? Number.NaN) - (expected[index] ?? 0)));
    size = Math.max(size, Math.abs(expected[index] ?? 0));
    if (Number.isNaN(found[index] ?? Number.NaN)) return Number.NaN;
  }
  return most / size;
}
