// gpu.js as a backend of weight averaging.
import type { Backend, CompensatedAverages, HostTensor, Parameter } from '@polyak/core';
import type { GPU } from 'gpu.js';
import type { Data } from './data.js';
import { copies, freeData, hostArrays } from './data.js';
import { allFinite } from './finite.js';
import type { GpujsMode, GpujsRuntime } from '../gpu.js';
import { Ledger } from './ledger.js';
import { openDevice } from './open-device.js';
import { likeHeld, swap } from './swap.js';
import type { GpujsTensor } from './tensor.js';
import { tensorOf } from './tensor.js';
import { moved } from './update.js';

/** What a backend keeps alive. */
export interface GpujsMemory {
  /** The tensors that it made and that were not disposed of. */
  readonly tensors: number;
  /** The textures of these tensors; on webgpu buffers. */
  readonly textures: number;
  /** Its compiled kernels, which are made when they are first needed. */
  readonly kernels: number;
}

/**
 * A {@link Backend} of gpu.js's arrays and textures. Release it when the averages are no longer
 * needed.
 */
export interface GpujsBackend extends Backend<GpujsTensor> {
  /** `gpujs:` and the mode that computes, whatever was asked for. */
  readonly name: `gpujs:${GpujsMode}`;
  upload(tensors: readonly HostTensor[]): readonly GpujsTensor[];
  download(tensors: readonly GpujsTensor[]): Promise<readonly HostTensor[]>;
  clone(tensors: readonly GpujsTensor[]): Promise<readonly GpujsTensor[]>;
  allFinite(tensors: readonly GpujsTensor[]): Promise<readonly boolean[]>;
  average(
    averages: readonly GpujsTensor[],
    live: readonly GpujsTensor[],
    weight: number,
  ): Promise<readonly GpujsTensor[]>;
  /** There where the device keeps rounding errors that a compiler could take for zero. */
  averageCompensated?(
    averages: readonly GpujsTensor[],
    residuals: readonly GpujsTensor[],
    live: readonly GpujsTensor[],
    weight: number,
  ): Promise<CompensatedAverages<GpujsTensor>>;
  swap(
    parameters: readonly Parameter<GpujsTensor>[],
    tensors: readonly GpujsTensor[],
  ): Promise<readonly GpujsTensor[]>;
  dispose(tensors: readonly GpujsTensor[]): void;
  /** What it keeps alive now. */
  memory(): GpujsMemory;
  /**
   * Destroys its kernels, and the GPU instance that it made. Later calls but `dispose` are refused.
   */
  release(): Promise<void>;
}

/**
 * gpu.js, as a backend of weight averaging.
 *
 * Live tensors are host arrays or textures, as the model has them. Averages of arrays are packed
 * into a few large textures, which stay on the device: only live weights travel there, and the
 * averages back when they are swapped in. Averages of textures are textures of the same layout, and
 * never leave the device. A swap exchanges handles; a parameter is given what it held before: an
 * array, or a texture that its kernels take.
 *
 * On headlessgl, webgl2, webgpu and webasm an update is
 * `fround(a + fround(fround(p - a) * fround(w)))`, bit for bit with the drivers that were tested.
 * On cpu gpu.js computes in float64 and rounds once, which is within one unit in the last place.
 *
 * @param gpu - an instance, which stays its owner's and has to be the one whose textures are
 *   averaged; or `{ GPU, mode }` for one of the backend's own
 * @returns the backend, named after the mode that really computes, whatever was asked for
 * @throws PolyakError `ERR_UNSUPPORTED` where the mode does not run here, with what it lacks, and
 *   where the device does not compute in float32
 * @throws RangeError for a mode that this package does not know
 *
 * @example
 * ```ts
 * import gpujs from 'gpu.js';
 * import { observedOptimizer, SWA } from '@polyak/core';
 * import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
 *
 * const weight = gpujsParameter('weight', Float32Array.of(0, 0));
 * const backend = await gpujsBackend({ GPU: gpujs.GPU, mode: 'webasm' });
 * const swa = new SWA(observedOptimizer([{ params: [weight], lr: 0.1 }]), { backend });
 *
 * for (const value of [1, 2, 6]) {
 *   weight.set(gpujsTensor(Float32Array.of(value, value))); // an optimizer's step
 *   await swa.updateSwa();
 * }
 * await swa.swapSwaSgd();
 * console.log(backend.name, weight.get().data); // gpujs:webasm Float32Array(2) [ 3, 3 ]
 * await backend.release();
 * ```
 *
 * @see https://github.com/gpujs/gpu.js
 */
export async function gpujsBackend(gpu: GPU | GpujsRuntime): Promise<GpujsBackend> {
  const { device, skills, close } = await openDevice(gpu);
  const ledger = new Ledger(device);

  /** The states in place of which new ones are made; where it throws, they are as they were. */
  async function update(
    call: string,
    states: readonly (readonly GpujsTensor[])[],
    live: readonly GpujsTensor[],
    weight: number,
  ): Promise<readonly (readonly GpujsTensor[])[]> {
    for (const tensors of [...states, live]) ledger.requireUsable(call, tensors);
    const next = await moved(
      device,
      live.map((_, n) => states.map((list) => (list[n] as GpujsTensor).data)),
      live.map(({ data }) => data),
      weight,
    );
    for (const tensor of states.flat()) ledger.dispose(tensor);
    return states.map((_, n) =>
      ledger.add(live.map(({ shape }, place) => tensorOf(shape, next[place]?.[n] as Data))),
    );
  }

  return {
    specVersion: 1,
    name: `gpujs:${device.mode}`,
    dtypes: ['float32'],

    spec: ({ dtype, shape }) => ({ dtype, shape }),

    identity: ({ data }) => data,

    upload(tensors) {
      device.requireAlive('upload');
      // They lie on the host until they are averaged, which packs them.
      return ledger.add(
        tensors.map(({ shape, data }) => tensorOf(shape, (data as Float32Array).slice())),
      );
    },

    async download(tensors) {
      ledger.requireUsable('download', tensors);
      const arrays = await hostArrays(
        device,
        tensors.map(({ data }) => data),
      );
      return tensors.map(({ dtype, shape }, n) => ({
        dtype,
        shape,
        data: (arrays[n] as Float32Array).slice(),
      }));
    },

    async clone(tensors) {
      ledger.requireUsable('clone', tensors);
      return ledger.add(await copies(device, tensors));
    },

    async allFinite(tensors) {
      ledger.requireUsable('allFinite', tensors);
      return allFinite(
        device,
        tensors.map(({ data }) => data),
        skills.hasNonFinite,
      );
    },

    async average(averages, live, weight) {
      const [next = []] = await update('average', [averages], live, weight);
      return next;
    },

    ...(skills.isCompensating && {
      async averageCompensated(averages, residuals, live, weight) {
        const [sums = [], errors = []] = await update(
          'averageCompensated',
          [averages, residuals],
          live,
          weight,
        );
        return { averages: sums, residuals: errors };
      },
    }),

    async swap(parameters, tensors) {
      ledger.requireUsable('swap', tensors);
      const held = parameters.map((parameter) => parameter.get());
      ledger.requireUsable('swap', held, (index) => `"${parameters[index]?.name}"`);
      const given = await likeHeld(device, tensors, held);
      const converted = tensors.flatMap((tensor, n) => (given[n] === tensor ? [] : [n]));
      try {
        await swap(parameters, given);
      } catch (error) {
        for (const n of converted) freeData(device, (given[n] as GpujsTensor).data);
        throw error;
      }
      ledger.add(converted.map((n) => given[n] as GpujsTensor));
      for (const n of converted) ledger.dispose(tensors[n] as GpujsTensor);
      return held;
    },

    dispose(tensors) {
      for (const tensor of tensors) ledger.dispose(tensor);
    },

    memory: () => ({
      tensors: ledger.count,
      textures: device.textureCount,
      kernels: device.kernelCount,
    }),

    release: close,
  };
}
