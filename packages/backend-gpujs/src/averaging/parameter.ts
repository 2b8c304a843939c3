// A cell of a live model whose weights gpu.js computes with.
import type { Parameter } from '@polyak/core';
import type { Texture } from 'gpu.js';
import type { GpujsTensor } from './tensor.js';
import { gpujsTensor } from './tensor.js';

/** A {@link Parameter} whose `set` is done when it returns. */
export interface GpujsParameter extends Parameter<GpujsTensor> {
  set(tensor: GpujsTensor): void;
}

/**
 * A place that holds a tensor. Setting it exchanges the handle and copies nothing: give
 * `get().data` to each kernel call.
 *
 * @param name - unique within the model and stable between runs
 * @param data - what the model computes with now
 * @param shape - the extents, as for {@link gpujsTensor}
 * @returns the cell
 *
 * @example
 * ```ts
 * import { gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
 *
 * const weight = gpujsParameter('weight', Float32Array.of(1, 2));
 * weight.set(gpujsTensor(Float32Array.of(3, 4)));
 * console.log(weight.get().data); // Float32Array(2) [ 3, 4 ]
 * ```
 */
export function gpujsParameter(
  name: string,
  data: Float32Array | Texture,
  shape?: readonly number[],
): GpujsParameter {
  let held = gpujsTensor(data, shape);
  return {
    name,
    get: () => held,
    set: (tensor) => {
      held = tensor;
    },
  };
}
