// Runs of kernels on the GPU, many tensors at a time. WebGPU does not let a shader read and write
// the same buffer, so every run makes new ones.
import type { HostTensor } from '@polyak/core/interfaces';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import type { Ort } from '../ort.js';
import { copyKernel, prefixOf } from './kernel-graph.js';
import type { Kernel } from './kernel-graph.js';
import type { Sessions, Target } from './sessions.js';

/** The most tensors in one run. */
const BATCH = 64;

/** The result of a kernel for one tensor. */
export interface KernelResult {
  readonly outputs: readonly Tensor[];
  readonly flags: readonly boolean[];
}

/** Runs kernels. The caller disposes of the results. Where a run fails, nothing is left. */
export interface DeviceRuns {
  /**
   * @param kernels - one for each tensor
   * @param inputs - for each tensor, those of its kernel
   * @param shared - what all have in common
   */
  run(
    kernels: readonly Kernel[],
    inputs: readonly (readonly Tensor[])[],
    target: Target,
    shared?: Readonly<Record<string, Tensor>>,
  ): Promise<readonly KernelResult[]>;
  /** The first output of kernels that take one tensor each. */
  map(
    tensors: readonly Tensor[],
    kernelOf: (dtype: OnnxDType, index: number) => Kernel,
    target: Target,
  ): Promise<readonly Tensor[]>;
  /** New tensors on the device with copies of the elements. */
  hold(tensors: readonly HostTensor[]): Promise<readonly Tensor[]>;
  /** Copies of the elements on the host. */
  read(tensors: readonly Tensor[]): Promise<readonly HostTensor[]>;
}

/**
 * Runs by these sessions.
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
          places.forEach((place, n) => {
            const named = ([name]: readonly [string, ...unknown[]]): Tensor =>
              made[prefixOf(n) + name] as Tensor;
            results[place] = {
              outputs: kernel.outputs.map(named),
              flags: kernel.flags.map((flag) => elementsOf(named(flag))[0] === 1),
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

/** The places of kernels that are alike, as many together as one run takes. */
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
