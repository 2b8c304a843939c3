// A model of one layer, and what the tests do with it.
import { loadOnnxModel } from '@polyak/backend-onnx';
import type { LoadOnnxModelOptions, OnnxModel } from '@polyak/backend-onnx';
import type { ModelProto } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { model, node, tensor, value } from './model-builder.js';

/** A float32 tensor. */
export const f32 = (values: readonly number[], dims: readonly number[]): ort.Tensor =>
  new ort.Tensor('float32', Float32Array.from(values), [...dims]);
/** The elements of a float32 tensor. */
export const numbers = (found: ort.Tensor | undefined): number[] =>
  Array.from(found?.data as Float32Array);

/** y = Gemm(x, w, b), reshaped: two float weights, an integer initializer, a constant in a node. */
export function gemm(
  w: readonly number[] = [1, 2, 3, 4],
  b: readonly number[] = [10, 20],
): ModelProto {
  return model({
    nodes: [
      node('Constant', [], ['two'], { value: { tensor: tensor('', [], [2]) } }),
      node('Mul', ['x', 'two'], ['x2']),
      node('Gemm', ['x2', 'w', 'b'], ['h']),
      node('Reshape', ['h', 'shape'], ['y']),
    ],
    initializers: [
      tensor('w', [2, 2], w),
      tensor('shape', [2], [2, -1], 'int64'),
      tensor('b', [2], b),
    ],
    inputs: [value('x', ['batch', 2])],
    outputs: [value('y', [2, 'rest'])],
  });
}
/** What the model is fed. */
export const feeds = (): { readonly x: ort.Tensor } => ({ x: f32([1, 1], [1, 2]) });

/** What a session makes of a file: y. */
export async function outputOf(bytes: Uint8Array): Promise<number[]> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { y } = await session.run(feeds());
  await session.release();
  return numbers(y);
}

/** Loads a model, uses it, releases it whatever happens. */
export async function withModel<R>(
  source: Uint8Array | string,
  use: (loaded: OnnxModel) => Promise<R>,
  options: LoadOnnxModelOptions = {},
): Promise<R> {
  const loaded = await loadOnnxModel(ort, source, options);
  try {
    return await use(loaded);
  } finally {
    await loaded.release();
  }
}
