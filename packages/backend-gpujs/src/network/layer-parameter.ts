// A parameter of a network made of kernels.
import type { KernelArray } from './flat-kernel.js';
import { cellParameter, takenOver } from '../parameter.js';
import type { GpujsParameter } from '../parameter.js';
import { arrayOrTexture } from '../tensor.js';

/**
 * A parameter for a network made of kernels, which may begin as an array and go on as a texture.
 *
 * Kernels must take `parameter.data()`, asked for at each call. They never see the averages in
 * `data`: an array is copied, and a texture is taken over as {@link gpujsParameter} does.
 *
 * @param name - unique within the network
 * @param shape - which every later tensor has to have
 * @param data - the initial elements
 * @returns the parameter; free what it holds by `freeArrays(parameter.data())`
 * @throws TypeError where `data` is neither a Float32Array nor a texture
 * @throws PolyakError as {@link gpujsParameter}
 *
 * @example
 * ```ts
 * import { layerParameter } from '@polyak/backend-gpujs';
 *
 * const weight = layerParameter('dense.weight', [2, 2], new Float32Array(4));
 * weight.replace(Float32Array.of(1, 2, 3, 4)); // what a kernel gave: an array, or a texture
 * console.log(weight.data()); // Float32Array(4) [1, 2, 3, 4]
 * ```
 */
export function layerParameter(
  name: string,
  shape: readonly number[],
  data: KernelArray,
): GpujsParameter {
  const checked = arrayOrTexture(`layerParameter: "${name}"`, data);
  const own = checked instanceof Float32Array ? checked.slice() : takenOver(name, checked);
  return cellParameter(name, shape, own);
}
