// Exchanges what a model's parameters hold with other tensors, by handle, all or nothing.
import type { Parameter } from '@polyak/core';
import { freeData, hostArrays, textureOf } from './data.js';
import type { Device } from '../device.js';
import type { GpujsTensor } from './tensor.js';
import { tensorOf } from './tensor.js';
import { isTexture, layoutOf, signatureOf } from '../texture.js';

/**
 * Sets each parameter to the tensor at its place.
 *
 * @param parameters - the model's cells
 * @param tensors - as many, of the same specs, each as the cell holds its own
 * @returns what the parameters held
 * @throws whatever a `set` throws; what the parameters held has been put back then
 */
export async function swap(
  parameters: readonly Parameter<GpujsTensor>[],
  tensors: readonly GpujsTensor[],
): Promise<readonly GpujsTensor[]> {
  const held = parameters.map((parameter) => parameter.get());
  let begun = 0;
  try {
    for (const [n, parameter] of parameters.entries()) {
      begun = n + 1;
      await parameter.set(tensors[n] as GpujsTensor);
    }
  } catch (error) {
    const back = parameters
      .slice(0, begun)
      .map(async (parameter, n) => parameter.set(held[n] as GpujsTensor));
    await Promise.allSettled(back);
    throw error;
  }
  return held;
}

/**
 * What a model can compute with that computes with `held`: arrays for arrays, and for textures
 * those of the same layout. Kernels that are given anything else are compiled anew, or read
 * garbage.
 *
 * @param device - where textures lie
 * @param tensors - as many as `held`, of the same specs; they stay as they are
 * @param held - what the model computes with
 * @returns a tensor itself where it fits, and one with a copy of its elements elsewhere
 */
export async function likeHeld(
  device: Device,
  tensors: readonly GpujsTensor[],
  held: readonly GpujsTensor[],
): Promise<readonly GpujsTensor[]> {
  const unfit = tensors.filter((tensor, n) => !fits(tensor, held[n] as GpujsTensor));
  const arrays = await hostArrays(
    device,
    unfit.map(({ data }) => data),
  );
  const arrayOf = new Map(unfit.map((tensor, n) => [tensor, arrays[n] as Float32Array]));
  const given: GpujsTensor[] = [];
  try {
    for (const [n, tensor] of tensors.entries()) {
      const array = arrayOf.get(tensor);
      const { data } = held[n] as GpujsTensor;
      if (array === undefined) given.push(tensor);
      else if (!isTexture(data)) given.push(tensorOf(tensor.shape, array.slice()));
      else
        given.push(
          tensorOf(
            tensor.shape,
            await textureOf(device, array, layoutOf(data, 'What a parameter holds')),
          ),
        );
    }
  } catch (error) {
    given.forEach(({ data }, n) => given[n] === tensors[n] || freeData(device, data));
    throw error;
  }
  return given;
}

function fits({ data }: GpujsTensor, { data: held }: GpujsTensor): boolean {
  if (isTexture(held)) return isTexture(data) && signatureOf(data) === signatureOf(held);
  return !(held instanceof Float32Array) || data instanceof Float32Array;
}
