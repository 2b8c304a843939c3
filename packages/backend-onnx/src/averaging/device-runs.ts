// Runs kernels on the GPU for many tensors at a time. In WebGPU a shader cannot read and write one
// buffer, so every run makes new ones.
import type { HostTensor } from '@polyak/core/interfaces';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import type { Ort } from '../ort.js';
import { copyKernel, prefixOf, STATUSES } from './kernel-graph.js';
import type { Kernel } from './kernel-graph.js';
import type { Sessions, Target } from './sessions.js';

/** The most tensors in one run. */
const BATCH = 64;

/** The result of a kernel for one tensor. */
export interface KernelResult {
  readonly outputs: readonly Tensor[];
  /** Of a kernel that has one. */
  readonly status: number | undefined;
}

/** Runs kernels. The caller disposes of the results. A run that fails leaves no tensors. */
export interface DeviceRuns {
  /**
   * Runs a kernel for each tensor.
   *
   * @param kernels - one for each tensor
   * @param inputs - for each tensor, the inputs of its kernel
   * @param target - where the outputs go
   * @param shared - the inputs that all kernels share
   */
  run(
    kernels: readonly Kernel[],
    inputs: readonly (readonly Tensor[])[],
    target: Target,
    shared?: Readonly<Record<string, Tensor>>,
  ): Promise<readonly KernelResult[]>;
  /** Runs kernels of one input each, and returns their first outputs. */
  map(
    tensors: readonly Tensor[],
    kernelOf: (dtype: OnnxDType, index: number) => Kernel,
    target: Target,
  ): Promise<readonly Tensor[]>;
  /** Copies tensors to the device. */
  hold(tensors: readonly HostTensor[]): Promise<readonly Tensor[]>;
  /** Copies tensors to the host. */
  read(tensors: readonly Tensor[]): Promise<readonly HostTensor[]>;
}

/**
 * Makes runs of kernels.
 *
 * @param ort - the runtime
 * @param sessions - of the provider webgpu
 */
export function deviceRuns(ort: Ort, sessions: Sessions): DeviceRuns {
  const runs: DeviceRuns = {
    async run(kernels, inputs, target, shared = {}) {
      const results: KernelResult[] = [];
      try {
        for (const places of batchesOf(kernels)) {
          const kernel = kernels[places[0] as number] as Kernel;
          const session = await sessions.get(kernel, places.length, target);
          const made = await session.run(feedsOf(kernel, places, inputs, shared));
          const statuses = made[STATUSES] && (elementsOf(made[STATUSES]) as Float32Array);
          places.forEach((place, n) => {
            results[place] = {
              outputs: kernel.outputs.map(([name]) => made[prefixOf(n) + name] as Tensor),
              status: statuses?.[n],
            };
          });
        }
      } catch (error) {
        for (const tensor of results.flatMap(({ outputs }) => outputs)) tensor.dispose();
        throw error;
      }
      return results;
    },

    async map(tensors, kernelOf, target) {
      const kernels = tensors.map((tensor, index) => kernelOf(specOf(tensor).dtype, index));
      const results = await runs.run(
        kernels,
        tensors.map((tensor) => [tensor]),
        target,
      );
      return results.map(({ outputs }) => outputs[0] as Tensor);
    },

    hold: (tensors) =>
      runs.map(
        tensors.map((tensor) => tensorOver(ort, tensor)),
        copyKernel,
        'gpu-buffer',
      ),

    async read(tensors) {
      const copies = await runs.map(tensors, copyKernel, 'cpu');
      return copies.map((copy) => ({ ...specOf(copy), data: elementsOf(copy) }));
    },
  };
  return runs;
}

/** Groups the places of equal kernels, up to {@link BATCH} in each group. */
function batchesOf(kernels: readonly Kernel[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  kernels.forEach(({ name }, place) => {
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [place]);
    else group.push(place);
  });
  return [...groups.values()].flatMap((places) =>
    Array.from({ length: Math.ceil(places.length / BATCH) }, (_, n) =>
      places.slice(n * BATCH, (n + 1) * BATCH),
    ),
  );
}

function feedsOf(
  kernel: Kernel,
  places: readonly number[],
  inputs: readonly (readonly Tensor[])[],
  shared: Readonly<Record<string, Tensor>>,
): InferenceSession.FeedsType {
  const feeds: Record<string, Tensor> = { ...shared };
  places.forEach((place, n) =>
    kernel.inputs.forEach(([name], input) => {
      feeds[prefixOf(n) + name] = inputs[place]?.[input] as Tensor;
    }),
  );
  return feeds;
}
