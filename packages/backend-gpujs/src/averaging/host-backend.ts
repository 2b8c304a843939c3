// The backend on cpu and webasm, whose tensors are in host memory. The kernels of the CPU backend
// are faster there than those of gpu.js.
import { cpuBackend } from '@polyak/backend-cpu';
import type { Backend } from '@polyak/core/interfaces';
import type { ModeBackend } from './mode-backend.js';
import type { Device } from '../device.js';
import type { GpujsTensor } from '../tensor.js';
import { requireUsable } from './usable.js';

/**
 * The backend of a device without textures.
 *
 * @param device - what the model computes on; used only to check that it still exists
 */
export function hostBackend(device: Device): ModeBackend {
  const cpu = cpuBackend();
  // A float32 host tensor is also a tensor of gpu.js.
  const arrays = cpu as unknown as Omit<Backend<GpujsTensor>, 'upload' | 'dispose'> &
    Pick<ModeBackend, 'upload' | 'dispose'>;
  return {
    isSynchronous: true,
    canCompensate: arrays.canCompensate,

    upload(tensors) {
      device.requireAlive('upload');
      return arrays.upload(tensors);
    },

    download(tensors) {
      requireUsable(device, 'download', tensors);
      return arrays.download(tensors);
    },

    clone(tensors) {
      requireUsable(device, 'clone', tensors);
      return arrays.clone(tensors);
    },

    allFinite(tensors) {
      requireUsable(device, 'allFinite', tensors);
      return arrays.allFinite(tensors);
    },

    average(items, options) {
      const tensors = items.flatMap(({ average, residual, live }) => [
        average,
        live,
        ...(residual === undefined ? [] : [residual]),
      ]);
      requireUsable(device, 'average', tensors);
      return arrays.average(items, options);
    },

    swap(parameters, tensors) {
      requireUsable(device, 'swap', tensors);
      const held = parameters.map((parameter) => parameter.get());
      requireUsable(device, 'swap', held, (index) => `"${parameters[index]?.name}"`);
      return arrays.swap(parameters, tensors);
    },

    dispose: (tensors) => arrays.dispose(tensors),

    memory: () => cpu.memory(),
  };
}
