// A weight of a model on a WebGPU device.
import { PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { call } from './call.js';
import { byteLength, copyTensors, USAGE } from './tensor.js';
import type { WebgpuTensor } from './tensor.js';

/**
 * A weight of a model. A swap copies into its buffer, so that the bind groups of the model stay
 * valid.
 *
 * @param device - the device of the model
 * @param name - unique within the model and stable between runs
 * @param tensor - the weight. The buffer stays the model's; it has the usages `STORAGE`, `COPY_SRC`
 *   and `COPY_DST`
 * @returns the parameter; two over one buffer are the same weight
 * @throws PolyakError `ERR_PARAMETERS` where the buffer is too short or lacks a usage
 */
export function webgpuParameter(
  device: GPUDevice,
  name: string,
  tensor: WebgpuTensor,
): Parameter<WebgpuTensor> {
  const { buffer } = tensor;
  const size = byteLength(tensor);
  if (buffer.size < size || (buffer.usage & USAGE) !== USAGE) {
    throw new PolyakError(
      'ERR_PARAMETERS',
      `webgpuParameter: the buffer of "${name}" has ${buffer.size} bytes and the usage ` +
        `0x${buffer.usage.toString(16)}, expected ${size} bytes or more and the usages STORAGE, ` +
        'COPY_SRC and COPY_DST (0x8c).',
    );
  }
  return {
    name,
    identity: buffer,
    get: () => tensor,
    set: async (contents) =>
      call(device, `set of "${name}"`, () => copyTensors(device, [contents], [buffer])),
  };
}
