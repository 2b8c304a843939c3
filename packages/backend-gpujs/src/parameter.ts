// Parameters of a model whose kernels compute with arrays or textures.
import { PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { elementCount, formatSpec } from '@polyak/core/interfaces';
import type { Texture } from 'gpu.js';
import { arrayOrTexture, gpujsTensor, tensorOf } from './tensor.js';
import type { GpujsTensor } from './tensor.js';
import { isDeleted, isTexture, requireImmutable, retire, shapeOf } from './texture.js';

/** A {@link Parameter} of a model whose kernels take an array or a texture. */
export interface GpujsParameter extends Parameter<GpujsTensor> {
  /** The weights to give to a kernel. Ask at each call: a swap may have exchanged the texture. */
  data(): Float32Array | Texture;
  /**
   * Replaces the weights by the result of a training step. An array is copied. A texture is taken
   * over: give kernels `data()` from then on, because your handle is deleted and they refuse it.
   */
  replace(data: Float32Array | Texture): void;
  set(tensor: GpujsTensor): void;
}

/**
 * A weight of the model.
 *
 * An array stays the model's own: a swap copies the averages into it, so kernels that take it, or
 * views of it, compute with them. Give it to kernels as an argument, never in `constants`, which
 * gpu.js reads only once.
 *
 * A texture is taken over. Kernels must take `parameter.data()`, asked for at each call, because a
 * swap exchanges the texture. Your own handle is deleted, and kernels refuse it. At the end, delete
 * what `data()` returns.
 *
 * @param name - unique within the model and stable between runs
 * @param data - what the model computes with now
 * @param shape - the extents, as for {@link gpujsTensor}
 * @returns the parameter. Make one for each texture and keep it
 * @throws TypeError where `data` is neither a Float32Array nor a texture
 * @throws PolyakError `ERR_UNSUPPORTED` for a texture of a kernel without `immutable: true`;
 *   `ERR_DISPOSED` for a deleted one, such as one that another parameter has taken over
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
    : cellParameter(name, tensor.shape, takenOver(name, checked));
}

/**
 * A parameter that holds an array or a texture of its own. It copies into an array that it holds,
 * and exchanges anything else.
 *
 * @param name - unique within the model
 * @param shape - of every tensor that it holds
 * @param data - what it holds first; nobody else uses it
 */
export function cellParameter(
  name: string,
  shape: readonly number[],
  data: Float32Array | Texture,
): GpujsParameter {
  let held = data;
  const exchange = (next: Float32Array | Texture, own: (texture: Texture) => Texture): void => {
    if (!isTexture(next) && !isTexture(held)) {
      held.set(next);
      return;
    }
    const old = held;
    held = isTexture(next) ? own(next) : next.slice();
    if (isTexture(old)) retire(old, remedyFor(name));
  };
  const checked = (tensor: GpujsTensor): Float32Array | Texture => {
    requireSameSpec(name, tensor, shape);
    return arrayOrTexture(`"${name}": the data`, tensor.data);
  };
  const parameter: GpujsParameter = {
    name,
    get identity() {
      return parameter;
    },
    get: () => tensorOf(shape, held),
    data: () => held,
    set: (tensor) => exchange(checked(tensor), (texture) => anotherHandle(name, texture)),
    replace: (next) =>
      exchange(checked(gpujsTensor(next, shape)), (texture) => takenOver(name, texture)),
  };
  return parameter;
}

/** A handle of the parameter's own. The one given can no longer be used. */
export function takenOver(name: string, texture: Texture): Texture {
  const taken = anotherHandle(name, texture);
  retire(texture, remedyFor(name));
  return taken;
}

function anotherHandle(name: string, texture: Texture): Texture {
  if (isDeleted(texture))
    throw new PolyakError(
      'ERR_DISPOSED',
      `"${name}": the texture was deleted, or another parameter has taken it over.`,
    );
  requireImmutable(texture, `"${name}"`);
  return texture.clone();
}

function remedyFor(name: string): string {
  return `Give kernels the data() of the parameter "${name}", asked for at each call.`;
}

function arrayParameter(name: string, tensor: GpujsTensor, array: Float32Array): GpujsParameter {
  const parameter: GpujsParameter = {
    name,
    get identity() {
      const { buffer, byteOffset, byteLength } = array;
      return { memory: buffer, byteOffset, byteLength };
    },
    get: () => tensor,
    data: () => array,
    set(next) {
      requireSameSpec(name, next, tensor.shape);
      if (next.data instanceof Float32Array) {
        array.set(next.data);
        return;
      }
      throw new TypeError(
        `"${name}" is an array, and the tensor to set is on the device, expected an array. Read ` +
          'it by toArray(), or let the backend swap it.',
      );
    },
    replace: (next) => parameter.set(gpujsTensor(next, tensor.shape)),
  };
  return parameter;
}

function requireSameSpec(name: string, found: GpujsTensor, shape: readonly number[]): void {
  const expected = formatSpec({ dtype: 'float32', shape });
  const { data } = found;
  const length = isTexture(data) ? elementCount(shapeOf(data)) : data.length;
  if (formatSpec(found) === expected && length === elementCount(shape)) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `"${name}": the tensor to set is ${formatSpec(found)} with ${length} elements, expected ` +
      `${expected}. Set a tensor of the parameter's shape.`,
  );
}
