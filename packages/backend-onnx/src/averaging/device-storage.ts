// Tensors in the buffers of a GPU, for the provider webgpu. Every operation is a session that makes
// new buffers: WebGPU does not let a shader read and write the same one.
import type { HostTensor } from '@polyak/core';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import { allFinite } from './host-finite.js';
import {
  averageKernel,
  castKernel,
  compensatedKernel,
  copyKernel,
  finiteKernel,
  prefixOf,
} from './kernel-graph.js';
import type { Kernel } from './kernel-graph.js';
import type { Ort } from '../ort.js';
import type { Sessions, Target } from '../sessions.js';
import { groupsOf } from './storage.js';
import type { States, Storage } from './storage.js';

/** The most tensors in one run. */
const BATCH = 64;

/** The dtypes that WebGPU's kernels copy. */
const DTYPES: readonly OnnxDType[] = ['float32', 'int32', 'uint32'];

const LARGEST: Readonly<Partial<Record<OnnxDType, HostTensor>>> = {
  float32: { dtype: 'float32', shape: [], data: Float32Array.of(3.4028234663852886e38) },
  float16: { dtype: 'float16', shape: [], data: Uint16Array.of(0x7bff) },
};

/**
 * Storage on the GPU.
 *
 * @param ort - the runtime
 * @param sessions - of the provider `webgpu`
 * @throws whatever ORT throws where there is no adapter
 */
export async function deviceStorage(ort: Ort, sessions: Sessions): Promise<Storage> {
  /** Each tensor's outputs, where each tensor is given as the list of its inputs. */
  async function runAll(
    kernels: readonly Kernel[],
    inputs: readonly (readonly Tensor[])[],
    target: Target,
    shared: Readonly<Record<string, Tensor>> = {},
  ): Promise<readonly (readonly Tensor[])[]> {
    const outputs: (readonly Tensor[])[] = [];
    try {
      for (const places of groupsOf(kernels.map(({ name }) => name))) {
        for (let start = 0; start < places.length; start += BATCH) {
          const batch = places.slice(start, start + BATCH);
          const kernel = kernels[batch[0] as number] as Kernel;
          const session = await sessions.get(kernel, batch.length, target);
          const made = await session.run(feedsOf(kernel, batch, inputs, shared));
          batch.forEach((place, n) => {
            outputs[place] = kernel.outputs.map(([name]) => made[prefixOf(n) + name] as Tensor);
          });
        }
      }
    } catch (error) {
      for (const tensor of outputs.flat()) tensor.dispose();
      throw error;
    }
    return outputs;
  }

  const firsts = (outputs: readonly (readonly Tensor[])[]): readonly Tensor[] =>
    outputs.map(([first]) => first as Tensor);
  const alone = (tensors: readonly Tensor[]): readonly (readonly Tensor[])[] =>
    tensors.map((tensor) => [tensor]);
  const kernelsOf = (
    tensors: readonly Tensor[],
    kernelOf: (dtype: OnnxDType) => Kernel,
  ): readonly Kernel[] => tensors.map((tensor) => kernelOf(specOf(tensor).dtype));

  async function hold(tensors: readonly HostTensor[]): Promise<readonly Tensor[]> {
    const sources = tensors.map((tensor) => tensorOver(ort, tensor));
    return firsts(await runAll(kernelsOf(sources, copyKernel), alone(sources), 'gpu-buffer'));
  }

  async function read(tensors: readonly Tensor[]): Promise<readonly HostTensor[]> {
    const copies = firsts(await runAll(kernelsOf(tensors, copyKernel), alone(tensors), 'cpu'));
    return copies.map((copy) => ({ ...specOf(copy), data: elementsOf(copy) }));
  }

  async function finiteOnDevice(tensors: readonly Tensor[]): Promise<readonly boolean[]> {
    const answers: boolean[] = [];
    for (const places of groupsOf(tensors.map(({ type }) => type))) {
      const group = places.map((place) => tensors[place] as Tensor);
      const largest = tensorOver(ort, LARGEST[specOf(group[0] as Tensor).dtype] as HostTensor);
      const flags = firsts(
        await runAll(kernelsOf(group, finiteKernel), alone(group), 'cpu', { largest }),
      );
      flags.forEach((flag, n) => (answers[places[n] as number] = elementsOf(flag)[0] === 1));
    }
    return answers;
  }

  async function finiteOnHost(tensors: readonly Tensor[]): Promise<readonly boolean[]> {
    return (await read(tensors)).map(({ dtype, data }) => allFinite(dtype, data));
  }

  const storage: Storage = {
    holds: (location) => location === 'gpu-buffer',
    place: 'a WebGPU buffer',
    dtypes: (await hasHalves()) ? [...DTYPES, 'float16'] : DTYPES,
    hold,
    read,
    clone: async (tensors) =>
      firsts(await runAll(kernelsOf(tensors, copyKernel), alone(tensors), 'gpu-buffer')),
    async cast(tensors, dtypes) {
      const kernels = tensors.map((tensor, n) =>
        castKernel(specOf(tensor).dtype, dtypes[n] ?? 'float32'),
      );
      return firsts(await runAll(kernels, alone(tensors), 'gpu-buffer'));
    },
    allFinite: (await canCompare()) ? finiteOnDevice : finiteOnHost,
    async update(states, live, weight) {
      const kernelOf = states.length === 1 ? averageKernel : compensatedKernel;
      const kernels = live.map((tensor, n) =>
        kernelOf(specOf(states[0][n] as Tensor).dtype, specOf(tensor).dtype),
      );
      const inputs = live.map((tensor, n) => [...states.map((list) => list[n] as Tensor), tensor]);
      const weights = tensorOver(ort, {
        dtype: 'float32',
        shape: [],
        data: Float32Array.of(weight),
      });
      const outputs = await runAll(kernels, inputs, 'gpu-buffer', { weight: weights });
      return states.map((_, n) => outputs.map((list) => list[n] as Tensor)) as unknown as States;
    },
  };
  return storage;

  /** Whether the device computes in float16, which WebGPU leaves open. */
  async function hasHalves(): Promise<boolean> {
    try {
      const half = tensorOver(ort, { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) });
      const [wide] = firsts(await runAll([castKernel('float16', 'float32')], [[half]], 'cpu'));
      return wide !== undefined && elementsOf(wide)[0] === 1;
    } catch {
      return false;
    }
  }

  /** Whether comparisons tell NaN and infinities from numbers, which WGSL leaves open. */
  async function canCompare(): Promise<boolean> {
    const values = [NaN, Infinity, -Infinity, 1].map((value) => ({
      dtype: 'float32' as const,
      shape: [2],
      data: Float32Array.of(value, 0),
    }));
    const tensors = await hold(values);
    const found = await finiteOnDevice(tensors);
    for (const tensor of tensors) tensor.dispose();
    return found.join() === 'false,false,false,true';
  }
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
