// Reads the elements of tensors: synchronously where the runtime can, else by a promise.
import type { Awaitable } from '@polyak/core/interfaces';
import type { Tensor, TypedArray } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';

/** Whether the active tfjs backend can read a tensor without a promise. */
export function readsAtOnce(tf: TensorFlow): boolean {
  return tf.getBackend() !== 'webgpu';
}

/** The result of `use` on copies of the elements, as they are at the time of the call. */
export function withElements<R>(
  tf: TensorFlow,
  tensors: readonly Tensor[],
  use: (elements: readonly TypedArray[]) => Awaitable<R>,
): Awaitable<R> {
  // Copies, since some backends give out the array that they keep. And `dataSync` wherever it
  // works: on cpu, `data` resolves to the live array, which an update before that would have
  // changed.
  if (readsAtOnce(tf)) return use(tensors.map((tensor) => tensor.dataSync().slice()));
  return Promise.all(tensors.map(async (tensor) => (await tensor.data()).slice())).then(use);
}
