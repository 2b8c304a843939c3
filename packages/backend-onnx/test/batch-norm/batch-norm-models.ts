// A small model with two batch-norm layers, its batches, and ONNX Runtime under observation.
import type { OnnxBatch, OnnxModel, Ort } from '@polyak/backend-onnx';
import { loadOnnxModel } from '@polyak/backend-onnx';
import type { BatchNormLayer } from '@polyak/core/interfaces';
import type { NodeProto } from '@polyak/backend-onnx/proto';
import { halfFromFloat } from '@polyak/core/kit';
import * as ort from 'onnxruntime-node';
import type { BuilderDType } from '../model-builder.js';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';

/** Both ways. */
export const REDUCTIONS = ['reduce-mean', 'training-mode'] as const;

/** A node with its weights named after it. */
export function batchNorm(name: string, input: string, output: string): NodeProto {
  const inputs = ['scale', 'bias', 'running_mean', 'running_var'].map((key) => `${name}.${key}`);
  return node('BatchNormalization', [input, ...inputs], [output]);
}

/** `y = bn2(relu(bn1(x * w)))`, two channels, and `z = y + label`. */
export async function load(
  dtype: BuilderDType = 'float32',
  runtime: Ort = ort,
): Promise<OnnxModel> {
  const of = (values: readonly number[]): readonly number[] =>
    dtype === 'float16' ? [...halfFromFloat('float16', Float64Array.from(values))] : values;
  const layers = ['bn1', 'bn2'].flatMap((name) => [
    tensor(`${name}.scale`, [2], of([2, 1]), dtype),
    tensor(`${name}.bias`, [2], of([0, 1]), dtype),
    tensor(`${name}.running_mean`, [2], of([1, 1]), dtype),
    tensor(`${name}.running_var`, [2], of([4, 1]), dtype),
  ]);
  const file = model({
    nodes: [
      node('Mul', ['x', 'w'], ['h']),
      batchNorm('bn1', 'h', 'n'),
      node('Relu', ['n'], ['r']),
      batchNorm('bn2', 'r', 'y'),
      node('Add', ['y', 'label'], ['z']),
    ],
    initializers: [tensor('w', [], of([1]), dtype), ...layers],
    inputs: [value('x', ['n', 2], dtype), value('label', ['n', 2], dtype)],
    outputs: [value('y', ['n', 2], dtype), value('z', ['n', 2], dtype)],
  });
  return loadOnnxModel(runtime, modelBytes(file));
}

/** A batch of two channels. */
export function rows(...values: readonly (readonly [number, number])[]): ort.Tensor {
  return new ort.Tensor('float32', values.flat(), [values.length, 2]);
}

/** Of two and three samples. */
export const BATCHES: readonly [OnnxBatch, OnnxBatch] = [
  { x: rows([1, 5], [3, 9]) },
  { x: rows([2, 2], [4, 8], [9, 7]) },
];

/** What the weights hold. */
export function bitsOf(of: OnnxModel): ReadonlyMap<string, readonly unknown[]> {
  return new Map(
    [...of.initializers].map(([name, cell]) => [name, [...(cell.get().data as Float32Array)]]),
  );
}

/** The layer at an index. */
export function layerAt(
  { layers }: { readonly layers: readonly BatchNormLayer[] },
  index: number,
): BatchNormLayer {
  return layers[index] as BatchNormLayer;
}

/** How this package makes sessions. */
export type Create = (
  bytes: Uint8Array,
  options?: ort.InferenceSession.SessionOptions,
) => Promise<ort.InferenceSession>;

/** ONNX Runtime with sessions made in another way. */
export function runtimeWith(create: Create): Ort {
  // The types of ORT have `create` overloaded; this package calls it in one way.
  return { ...ort, InferenceSession: { create } } as unknown as Ort;
}

/** ONNX Runtime, with the sessions that were made of it and not yet released. */
export function counted(): { runtime: Ort; made: () => number; alive: () => number } {
  let made = 0;
  let alive = 0;
  const create: Create = async (...args) => {
    const session = await ort.InferenceSession.create(...args);
    made += 1;
    alive += 1;
    const release = session.release.bind(session);
    session.release = async () => {
      alive -= 1;
      await release();
    };
    return session;
  };
  return { runtime: runtimeWith(create), made: () => made, alive: () => alive };
}
