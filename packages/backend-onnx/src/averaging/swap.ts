// Exchanges what a model's parameters hold with other tensors, by handle, all or nothing.
import type { Parameter } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';

/**
 * Sets each parameter to the tensor at its place.
 *
 * @param parameters - the model's cells
 * @param tensors - as many, of the same specs
 * @returns what the parameters held
 * @throws whatever a `set` throws; what the parameters held has been put back then
 */
export async function swap(
  parameters: readonly Parameter<Tensor>[],
  tensors: readonly Tensor[],
): Promise<readonly Tensor[]> {
  const held = parameters.map((parameter) => parameter.get());
  let begun = 0;
  try {
    for (const [n, parameter] of parameters.entries()) {
      begun = n + 1;
      await parameter.set(tensors[n] as Tensor);
    }
  } catch (error) {
    const back = parameters
      .slice(0, begun)
      .map(async (parameter, n) => parameter.set(held[n] as Tensor));
    await Promise.allSettled(back);
    throw error;
  }
  return held;
}
