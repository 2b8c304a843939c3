// Refuses tensors with which gpu.js would silently compute garbage.
import { PolyakError } from '@polyak/core';
import { elementCount, formatSpec } from '@polyak/core/interfaces';
import type { Device } from '../device.js';
import { Slice } from './pack.js';
import type { GpujsTensor } from '../tensor.js';
import { arrayOrTexture } from '../tensor.js';
import { isDeleted, isTexture, layoutOf } from '../texture.js';

/**
 * Refuses what is no tensor of gpu.js.
 *
 * @param what - it is, for the message
 * @param tensor - what JavaScript passes may be anything
 * @throws TypeError
 */
export function requireTensor(what: string, tensor: unknown): void {
  const { dtype, shape, data } = (tensor ?? {}) as Partial<GpujsTensor>;
  if (dtype !== 'float32' || !Array.isArray(shape)) {
    throw new TypeError(
      `${what} is not a { dtype: 'float32', shape, data }. Make it by gpujsTensor(data, shape).`,
    );
  }
  if (!(data instanceof Slice)) arrayOrTexture(what, data);
}

/**
 * Refuses tensors that are not what their shape says, and that lie elsewhere.
 *
 * @param device - of the backend
 * @param call - the method, for the message
 * @param tensors - what it was given
 * @param nameOf - what messages call the n-th
 * @throws PolyakError `ERR_DISPOSED`, `ERR_PARAMETERS`, `ERR_UNSUPPORTED`; TypeError
 */
export function requireUsable(
  device: Device,
  call: string,
  tensors: readonly GpujsTensor[],
  nameOf: (index: number) => string = (index) => `tensor ${index}`,
): void {
  device.requireAlive(call);
  tensors.forEach((tensor, index) => {
    requireTensor(`${call}: ${nameOf(index)}`, tensor);
    const { data } = tensor;
    const what = `${call}: ${nameOf(index)}, ${formatSpec(tensor)},`;
    if (isTexture(data) && isDeleted(data)) {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${what} was deleted, expected a live texture. Delete textures after their last use.`,
      );
    }
    const length = lengthOf(device, what, data);
    if (length === elementCount(tensor.shape)) return;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${what} has ${length} elements. Give it the shape that its data has.`,
    );
  });
}

function lengthOf(device: Device, what: string, data: GpujsTensor['data']): number {
  if (data instanceof Float32Array) return data.length;
  if (data instanceof Slice && data.pack.device === device) return data.length;
  if (isTexture(data) && device.holds(data)) return elementCount(layoutOf(data, what).output);
  throw new PolyakError(
    'ERR_PARAMETERS',
    `${what} lies on another GPU than this backend, which computes in the mode ${device.mode}. ` +
      'Make the backend with the GPU that runs the model.',
  );
}
