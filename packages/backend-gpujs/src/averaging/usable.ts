// Refuses tensors with which gpu.js would silently compute garbage.
import { PolyakError } from '@polyak/core';
import { elementCount, formatSpec } from '@polyak/core/interfaces';
import type { Device } from '../device.js';
import { Slice } from './pack.js';
import type { GpujsTensor } from '../tensor.js';
import { arrayOrTexture } from '../tensor.js';
import { isDeleted, isTexture, layoutOf, storageOf } from '../texture.js';

/**
 * Throws unless a value is a tensor of gpu.js.
 *
 * @param what - the value, for the message
 * @param tensor - may be anything
 * @throws TypeError
 */
export function requireTensor(what: string, tensor: unknown): void {
  const { dtype, shape, data } = (tensor ?? {}) as Partial<GpujsTensor>;
  if (dtype !== 'float32' || !Array.isArray(shape)) {
    throw new TypeError(
      `${what} is not a tensor, expected { dtype: 'float32', shape, data }. Make it by ` +
        'gpujsTensor(data, shape).',
    );
  }
  if (!(data instanceof Slice)) arrayOrTexture(what, data);
}

/**
 * Throws unless the kernels of the device can compute with these tensors: each has the data that
 * its shape says, on this device, and no kernel has it as a constant.
 *
 * @param device - of the backend
 * @param call - the method, for the message
 * @param tensors - its arguments
 * @param nameOf - the name of each for messages
 * @throws PolyakError `ERR_DISPOSED`, `ERR_PARAMETERS`, `ERR_UNSUPPORTED`; TypeError
 */
export function requireUsable(
  device: Device,
  call: string,
  tensors: readonly GpujsTensor[],
  nameOf: (index: number) => string = (index) => `tensor ${index}`,
): void {
  device.requireAlive(call);
  const constants = device.constants();
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
    if (length !== elementCount(tensor.shape)) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${what} has ${length} elements, expected ${elementCount(tensor.shape)}. Give it the ` +
          'shape that its data has.',
      );
    }
    const constant = constants.find(([, value]) => sharesElements(value, data));
    if (constant === undefined) return;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${what} is also the constant "${constant[0]}" of a kernel. gpu.js reads constants only ` +
        'once: the kernel would never see the averages. Give it the weights as an argument.',
    );
  });
}

/** Whether a constant, which may be nested or an `input(…)`, has elements of `data`. */
function sharesElements(constant: unknown, data: GpujsTensor['data']): boolean {
  if (typeof constant !== 'object' || constant === null) return false;
  if (constant instanceof Float32Array) {
    return (
      data instanceof Float32Array &&
      constant.buffer === data.buffer &&
      constant.byteOffset < data.byteOffset + data.byteLength &&
      data.byteOffset < constant.byteOffset + constant.byteLength
    );
  }
  if (isTexture(constant))
    return isTexture(data) && !isDeleted(constant) && storageOf(constant) === storageOf(data);
  // Of numbers there may be millions, and rows are arrays throughout.
  if (Array.isArray(constant) && typeof constant[0] === 'number') return false;
  return Object.values(constant).some((part) => sharesElements(part, data));
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
