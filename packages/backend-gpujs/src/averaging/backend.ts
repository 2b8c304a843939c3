// gpu.js as a backend of weight averaging.
import { requireCount } from '@polyak/core/kit';
import type { GPU } from 'gpu.js';
import { deviceBackend } from './device-backend.js';
import type { GpujsRuntime } from '../gpu.js';
import { hostBackend } from './host-backend.js';
import type { GpujsBackend } from './mode-backend.js';
import { openDevice } from '../open-device.js';
import { requireTensor } from './usable.js';

/**
 * gpu.js, as a backend of weight averaging.
 *
 * On cpu and webasm, tensors are arrays on the host, and the kernels of `@polyak/backend-cpu`
 * average them. On the other modes, the model's weights are arrays or textures. Averages of arrays
 * are packed into a few large textures on the device: an update uploads the live weights, and a
 * swap reads the averages. Averages of textures are textures of the same layout and never leave the
 * device. A swap copies into arrays and exchanges textures: `gpujsParameter` says what kernels must
 * read.
 *
 * An update is `fround(a + fround(fround(p - a) * fround(w)))`, bit for bit with the drivers that
 * were tested.
 *
 * @param gpu - the instance that runs the model; its owner destroys it. Or `{ GPU, mode }` for an
 *   instance of the backend's own, which works for arrays only
 * @returns the backend, named after the mode that really runs. It is synchronous on all modes but
 *   webgpu
 * @throws PolyakError `ERR_UNSUPPORTED` where the mode does not run here, saying what is missing,
 *   or the device does not compute in float32
 * @throws RangeError for an unknown mode; TypeError where `gpu` is neither, or more is given
 *
 * @example
 * ```ts
 * import gpujs from 'gpu.js';
 * import { AveragedModel } from '@polyak/core';
 * import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
 *
 * const weights = Float32Array.of(0, 0);
 * const backend = await gpujsBackend({ GPU: gpujs.GPU, mode: 'webasm' });
 * const average = new AveragedModel([gpujsParameter('weight', weights)], { backend });
 *
 * for (const value of [1, 2, 6]) {
 *   weights.fill(value); // an optimizer's step
 *   await average.update();
 * }
 * await average.swap();
 * console.log(backend.name, weights); // gpujs:webasm Float32Array(2) [ 3, 3 ]
 * await backend.release();
 * ```
 *
 * @see https://github.com/gpujs/gpu.js
 */
export async function gpujsBackend(gpu: GPU | GpujsRuntime): Promise<GpujsBackend> {
  requireCount('gpujsBackend', arguments.length, 1);
  const { device, canCompensate, close } = await openDevice(gpu);
  const backend = device.hasTextures ? deviceBackend(device, canCompensate) : hostBackend(device);
  return {
    ...backend,
    specVersion: 1,
    name: `gpujs:${device.mode}`,
    dtypes: ['float32'],

    spec(tensor) {
      requireTensor('A tensor', tensor);
      return { dtype: tensor.dtype, shape: tensor.shape };
    },

    memory: () => ({ ...backend.memory(), kernels: device.kernelCount }),

    release: close,
  };
}
