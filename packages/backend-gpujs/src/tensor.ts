// Tensors of gpu.js: arrays on the host, textures, and averages in a pack.
import type { TensorSpec } from '@polyak/core/interfaces';
import type { Texture } from 'gpu.js';
import type { GpujsSlice } from './averaging/pack.js';
import { isTexture, shapeOf } from './texture.js';

/** A float32 tensor of gpu.js. */
export interface GpujsTensor extends TensorSpec {
  /** gpu.js computes in single precision. */
  readonly dtype: 'float32';
  /**
   * The elements in row-major order. An array on the host; the result of a kernel with
   * `pipeline: true` and `precision: 'single'`, which on webgpu is the handle of a buffer; or the
   * place of an average in a pack, which only the backend makes and no swap gives to a model.
   */
  readonly data: Float32Array | Texture | GpujsSlice;
}

/**
 * A tensor over an array or a texture. Nothing is copied.
 *
 * @param data - numbers on the host, or a texture
 * @param shape - the extents, outermost first. Default: the length of an array; the reverse of the
 *   `output` of a texture's kernel
 * @returns the tensor, which owns nothing
 * @throws TypeError where `data` is neither
 *
 * @example
 * ```ts
 * import { gpujsTensor } from '@polyak/backend-gpujs';
 *
 * console.log(gpujsTensor(new Float32Array(6), [2, 3]).shape); // [2, 3]
 * ```
 */
export function gpujsTensor(data: Float32Array | Texture, shape?: readonly number[]): GpujsTensor {
  const checked = arrayOrTexture('gpujsTensor: the data', data);
  const own = checked instanceof Float32Array ? [checked.length] : shapeOf(checked);
  return tensorOf(shape ?? own, checked);
}

/** A tensor over data of any kind. */
export function tensorOf(shape: readonly number[], data: GpujsTensor['data']): GpujsTensor {
  return { dtype: 'float32', shape, data };
}

/**
 * Data that kernels take.
 *
 * @param what - the data, for the message
 * @param data - may be anything
 * @throws TypeError where it is neither a Float32Array nor a texture
 */
export function arrayOrTexture(what: string, data: unknown): Float32Array | Texture {
  if (data instanceof Float32Array || isTexture(data)) return data;
  throw new TypeError(
    `${what} is ${kindOf(data)}, expected a Float32Array or a texture of a kernel with pipeline: ` +
      'true. Of nested rows, make a parameter of each; of input(…), of its value. A copy is not ' +
      'what your kernels read.',
  );
}

function kindOf(data: unknown): string {
  if (Array.isArray(data)) return 'a plain array';
  if (typeof data !== 'object' || data === null) return String(data);
  return `an object of the class ${data.constructor.name}`;
}
