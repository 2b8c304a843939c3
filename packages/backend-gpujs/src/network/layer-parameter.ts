// A parameter of a network made of kernels: the layer that it belongs to owns what it holds.
import type { Parameter } from '@polyak/core';
import { freeArrays } from './flat-kernel.js';
import type { KernelArray } from './flat-kernel.js';
import { gpujsTensor } from '../averaging/tensor.js';
import type { GpujsTensor } from '../averaging/tensor.js';
import { isTexture } from '../texture.js';

/** A {@link Parameter} that frees what training replaces. See {@link layerParameter}. */
export interface LayerParameter extends Parameter<GpujsTensor> {
  /** What kernels take. */
  data(): KernelArray;
  /**
   * Holds what a kernel gave from now on, and frees what it held. A swap exchanges by `set`
   * instead, which frees nothing.
   */
  replace(data: KernelArray): void;
  set(tensor: GpujsTensor): void;
}

/**
 * A cell for a network made of kernels.
 *
 * @param name - unique within the network
 * @param shape - which every later tensor has to have
 * @param data - what it starts with; the cell owns it
 * @returns the cell; free what it holds by `freeArrays(cell.data())`
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
  let tensor = gpujsTensor(data, shape);
  const parameter: LayerParameter = {
    name,
    get: () => tensor,
    set(next) {
      if (next.shape.join() !== shape.join()) {
        throw new RangeError(
          `"${name}" has shape [${shape.join()}], found [${next.shape.join()}].`,
        );
      }
      kernelData(next, name);
      tensor = next;
    },
    data: () => kernelData(tensor, name),
    replace(next) {
      const old = parameter.data();
      tensor = gpujsTensor(next, shape);
      if (old !== next) freeArrays(old);
    },
  };
  return parameter;
}

/** The elements of a tensor, as kernels take them. */
function kernelData({ data }: GpujsTensor, name: string): KernelArray {
  if (data instanceof Float32Array || isTexture(data)) return data;
  throw new TypeError(
    `"${name}" was given a stretch of packed averages, which only the backend can read.`,
  );
}
