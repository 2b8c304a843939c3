// A parameter of a network made of kernels. It owns the tensor that it holds.
import type { Parameter } from '@polyak/core/interfaces';
import { freeArrays } from './flat-kernel.js';
import type { KernelArray } from './flat-kernel.js';
import { tensorCell } from '../parameter.js';
import { arrayOrTexture, gpujsTensor } from '../tensor.js';
import type { GpujsTensor } from '../tensor.js';

/** A {@link Parameter} that frees what training replaces. See {@link layerParameter}. */
export interface LayerParameter extends Parameter<GpujsTensor> {
  /** What kernels take. */
  data(): KernelArray;
  /** Takes ownership of a kernel's result, and frees the tensor it held before. */
  replace(data: KernelArray): void;
  set(tensor: GpujsTensor): void;
}

/**
 * A cell for a network made of kernels.
 *
 * @param name - unique within the network
 * @param shape - which every later tensor has to have
 * @param data - the initial elements; the cell takes ownership
 * @returns the cell; free what it holds by `freeArrays(cell.data())`
 * @throws TypeError where `data` is neither a Float32Array nor a texture
 *
 * @example
 * ```ts
 * import { layerParameter } from '@polyak/backend-gpujs';
 *
 * const weight = layerParameter('dense.weight', [2, 2], new Float32Array(4));
 * weight.replace(Float32Array.of(1, 2, 3, 4)); // what a kernel gave: an array, or a texture
 * console.log(weight.get().shape); // [2, 2]
 * ```
 */
export function layerParameter(
  name: string,
  shape: readonly number[],
  data: KernelArray,
): LayerParameter {
  const held = tensorCell(name, gpujsTensor(data, shape));
  freeArrays(data);
  return {
    ...held,
    data: () => arrayOrTexture(`"${name}"`, held.get().data),
    replace(next) {
      held.set(gpujsTensor(next, shape));
      freeArrays(next);
    },
  };
}
