// gpu.js on webgpu, its live weights in buffers of the device.
import { flatKernel, gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import { digitNetwork, digitParameters, digitStatistics } from '@polyak/example-gpujs-mnist';
import { GPU } from 'gpu.js';
import type { GPU as Gpu } from 'gpu.js';
import { initialWeights } from '../../../../examples/mnist/src/runtime/initial-weights.js';
import { bufferCopy } from '../dawn.js';
import { noise } from '../images.js';
import type { GpuRuntime, Held, Network } from '../runtime.js';
import { versionOf } from '../versions.js';

/** The learning rate and momentum of the demo. */
const SGD = { learningRate: 0.05, momentum: 0.9 };

/**
 * Opens the runtime.
 *
 * @throws PolyakError `ERR_UNSUPPORTED` where gpu.js does not run on webgpu
 */
export async function gpujsRuntime(): Promise<GpuRuntime<GpujsTensor, Float32Array>> {
  const gpu = new GPU({ mode: 'webgpu' as 'gpu' });
  const backend = await gpujsBackend(gpu);
  const device = await deviceOf(gpu);
  return {
    versions: { 'gpu.js': versionOf('gpu.js'), webgpu: versionOf('webgpu') },
    backend,
    async harness() {
      const own = await gpujsBackend(gpu);
      return {
        backend: own,
        parameter: (name, { data, shape }) =>
          gpujsParameter(name, data.slice() as Float32Array, shape),
        sameParameter: (parameter) => {
          const { data, shape } = parameter.get();
          return gpujsParameter(parameter.name, data as Float32Array, shape);
        },
        liveTensors: () => own.memory().tensors,
        close: async () => own.release(),
      };
    },
    async weight(elements, fill) {
      const kernel = flatKernel(gpu, 'function (fill) { return fill; }', { output: [elements] });
      const parameter = gpujsParameter('weight', await kernel.run(fill));
      return {
        value: parameter,
        release() {
          const data = parameter.data();
          if (!(data instanceof Float32Array)) data.delete();
          kernel.dispose();
        },
      };
    },
    copy: async (elements) => bufferCopy(device, elements),
    finish: async () => device.queue.onSubmittedWorkDone(),
    trained: "the demo's network",
    network: async (samples) => networkOf(gpu, samples),
  };
}

function networkOf(gpu: Gpu, samples: number): Held<Network<GpujsTensor, Float32Array>> {
  const plans = { parameters: digitParameters, statistics: digitStatistics };
  const network = digitNetwork(gpu, initialWeights([plans], 1), SGD);
  const batch = noise(samples);
  return {
    value: {
      optimizer: network.optimizer,
      minimize: async () => network.minimize(batch),
      batchNorm: network.batchNorm,
      batch: batch.images,
      forward: async () => network.infer(batch.images),
    },
    release: () => network.dispose(),
  };
}

/** The device that all webgpu kernels of the process share. */
async function deviceOf(gpu: Gpu): Promise<GPUDevice> {
  const call = gpu.createKernel('function () { return 1; }' as never, {
    output: [1],
    pipeline: true,
  });
  const result: unknown = await call();
  (result as { delete(): void }).delete();
  const { kernel } = call as unknown as {
    readonly kernel: { readonly context: { readonly device: GPUDevice } };
  };
  return kernel.context.device;
}
