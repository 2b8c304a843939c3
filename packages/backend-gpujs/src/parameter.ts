// Places of a live model whose weights gpu.js computes with.
import { PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { formatSpec, sameSpec } from '@polyak/core/interfaces';
import { cell } from '@polyak/core/kit';
import type { Cell } from '@polyak/core/kit';
import type { Texture } from 'gpu.js';
import { arrayOrTexture, gpujsTensor, tensorOf } from './tensor.js';
import type { GpujsTensor } from './tensor.js';
import { isTexture } from './texture.js';

/** A {@link Parameter} whose `set` is done when it returns. */
export interface GpujsParameter extends Parameter<GpujsTensor> {
  set(tensor: GpujsTensor): void;
}

/**
 * A place that holds a tensor. Give `get().data` to each kernel call.
 *
 * Setting an array copies the contents into it, so that the model computes with them.
 * Setting a texture exchanges handles and copies nothing. The parameter has its own handle on the
 * texture. You may delete yours at any time; delete the parameter's, `get().data`, at the end.
 *
 * @param name - unique within the model and stable between runs
 * @param data - what the model computes with now
 * @param shape - the extents, as for {@link gpujsTensor}
 * @returns the place. Keep it where it holds a texture: each call makes another one
 * @throws TypeError where `data` is neither a Float32Array nor a texture
 *
 * @example
 * ```ts
 * import { gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
 *
 * const weights = Float32Array.of(1, 2);
 * const weight = gpujsParameter('weight', weights);
 * weight.set(gpujsTensor(Float32Array.of(3, 4)));
 * console.log(weights); // Float32Array(2) [ 3, 4 ]
 * ```
 */
export function gpujsParameter(
  name: string,
  data: Float32Array | Texture,
  shape?: readonly number[],
): GpujsParameter {
  const checked = arrayOrTexture(`gpujsParameter: "${name}"`, data);
  const tensor = gpujsTensor(checked, shape);
  return checked instanceof Float32Array
    ? arrayParameter(name, tensor, checked)
    : tensorCell(name, tensor);
}

/**
 * A place that holds an array or a texture of its own: setting it copies an array, and shares a
 * texture.
 *
 * @param name - unique within the model
 * @param tensor - what it holds first; copied or shared
 */
export function tensorCell(name: string, tensor: GpujsTensor): Cell<GpujsTensor> {
  const take = (next: GpujsTensor): GpujsTensor => {
    requireSameSpec(name, next, tensor);
    const data = arrayOrTexture(`"${name}": the data`, next.data);
    return tensorOf(next.shape, isTexture(data) ? data.clone() : data.slice());
  };
  return cell(name, take(tensor), {
    take,
    drop({ data }) {
      if (isTexture(data)) data.delete();
    },
  });
}

function arrayParameter(name: string, tensor: GpujsTensor, array: Float32Array): GpujsParameter {
  return {
    name,
    get identity() {
      const { buffer, byteOffset, byteLength } = array;
      return { memory: buffer, byteOffset, byteLength };
    },
    get: () => tensor,
    set(next) {
      requireSameSpec(name, next, tensor);
      if (next.data instanceof Float32Array) {
        array.set(next.data);
        return;
      }
      throw new TypeError(
        `"${name}" is an array, and the tensor to set is on the device. Let the backend swap it.`,
      );
    },
  };
}

function requireSameSpec(name: string, found: GpujsTensor, expected: GpujsTensor): void {
  if (sameSpec(found, expected)) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `"${name}" is ${formatSpec(expected)}, found ${formatSpec(found)}. Set a tensor of its shape.`,
  );
}
