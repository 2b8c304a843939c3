// WebGPU as a backend of weight averaging.
import type { Backend } from '@polyak/core/interfaces';
import { arrayOf, elementCount } from '@polyak/core/interfaces';
import type { LedgerMemory } from '@polyak/core/kit';
import { ledger, swapAll } from '@polyak/core/kit';
import { call } from './call.js';
import { READ, Usage } from './flags.js';
import { MOVED, NON_FINITE, SOURCE } from './kernels.js';
import { run } from './run.js';
import { byteLength, copyTensors, DTYPES } from './tensor.js';
import type { WebgpuTensor } from './tensor.js';

/** A {@link Backend} of buffers. */
export interface WebgpuBackend extends Backend<WebgpuTensor> {
  dispose(tensors: readonly WebgpuTensor[]): void;
  /** The memory of the tensors that the backend made and that were not disposed of. */
  memory(): LedgerMemory;
}

/**
 * WebGPU as a backend of weight averaging. Averages stay on the device: an update reads back one
 * number for each of them, and a swap copies from buffer to buffer.
 *
 * @param device - the device of the model
 * @returns the backend, named after what the device computes with
 */
export async function webgpuBackend(device: GPUDevice): Promise<WebgpuBackend> {
  const module = device.createShaderModule({ code: SOURCE });
  const pipelineOf = async (entryPoint: string): Promise<GPUComputePipeline> =>
    device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint } });
  const [update, check] = await Promise.all([pipelineOf('update'), pipelineOf('check')]);
  const made = ledger<WebgpuTensor>(
    ({ buffer }) => buffer,
    (tensor) => tensor,
  );
  const { architecture, vendor } = device.adapterInfo;

  async function clone(tensors: readonly WebgpuTensor[]): Promise<readonly WebgpuTensor[]> {
    made.requireAlive('clone', tensors);
    const clones = await call(device, 'clone', ({ make }) => {
      const copies = tensors.map(make);
      copyTensors(
        device,
        tensors,
        copies.map(({ buffer }) => buffer),
      );
      return copies;
    });
    return made.add(clones);
  }

  function dispose(tensors: readonly WebgpuTensor[]): void {
    for (const { buffer } of made.release('dispose', tensors)) buffer.destroy();
  }

  return {
    specVersion: 1,
    name: `webgpu:${architecture || vendor || 'unknown'}`,
    dtypes: DTYPES,
    isSynchronous: false,
    canCompensate: false,

    spec: ({ dtype, shape }) => ({ dtype, shape }),

    async upload(tensors) {
      const uploads = await call(device, 'upload', ({ make }) =>
        tensors.map((tensor) => {
          const copy = make(tensor);
          device.queue.writeBuffer(copy.buffer, 0, tensor.data);
          return copy;
        }),
      );
      return made.add(uploads);
    },

    async download(tensors) {
      made.requireAlive('download', tensors);
      return call(device, 'download', async ({ borrow }) => {
        const usage = Usage.MAP_READ | Usage.COPY_DST;
        const staging = tensors.map((tensor) => borrow(byteLength(tensor), usage));
        copyTensors(device, tensors, staging);
        await Promise.all(staging.map(async (buffer) => buffer.mapAsync(READ)));
        return staging.map((buffer, n) => {
          const { dtype, shape } = tensors[n] as WebgpuTensor;
          const data = new (arrayOf(dtype))(buffer.getMappedRange().slice(0));
          return { dtype, shape: [...shape], data };
        });
      });
    },

    clone,

    async allFinite(tensors) {
      made.requireAlive('allFinite', tensors);
      const floats = tensors.filter(({ dtype }) => dtype === 'float32');
      const jobs = floats.map(({ buffer, shape }) => ({
        buffers: [buffer],
        length: elementCount(shape),
      }));
      const found = await call(device, 'allFinite', async (buffers) =>
        run(device, check, jobs, buffers),
      );
      const bad = new Set(floats.filter((_, n) => found[n] !== 0));
      return tensors.map((tensor) => !bad.has(tensor));
    },

    async average(items, { allowNonFinite = false } = {}) {
      const averages = items.map(({ average }) => average);
      made.requireAlive('average', [...averages, ...items.map(({ live }) => live)]);
      const [next, found] = await call(device, 'average', async (buffers) => {
        const results = averages.map(buffers.make);
        const jobs = items.map(({ live, average, weight }, n) => ({
          buffers: [live.buffer, average.buffer, (results[n] as WebgpuTensor).buffer],
          length: elementCount(average.shape),
          weight,
        }));
        return [results, await run(device, update, jobs, buffers)] as const;
      });
      const nonFinite = [...found.keys()].filter((n) => ((found[n] ?? 0) & NON_FINITE) !== 0);
      if (nonFinite.length > 0 && !allowNonFinite) {
        for (const { buffer } of next) buffer.destroy();
        return { kind: 'refused', nonFinite };
      }
      made.add(next);
      dispose(averages);
      const updated = next.map((average, n) => ({
        average,
        isFinite: ((found[n] ?? 0) & NON_FINITE) === 0,
        hasMoved: ((found[n] ?? 0) & MOVED) !== 0,
      }));
      return { kind: 'averaged', items: updated };
    },

    async swap(parameters, tensors) {
      made.requireAlive('swap', tensors);
      return swapAll({ hold: clone, dispose }, parameters, tensors);
    },

    dispose,

    memory: () => made.memory(),
  };
}
