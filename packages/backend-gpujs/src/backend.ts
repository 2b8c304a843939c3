// gpu.js as a backend of weight averaging.
import type { Backend, HostTensor, Parameter } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type { GPU } from 'gpu.js';
import type { GpujsTensor } from './tensor.js';

/** Where gpu.js can compute. */
export type GpujsMode = 'headlessgl' | 'webgl2' | 'webgl' | 'webgpu' | 'webasm' | 'cpu';

/** A mode for a GPU instance of the backend's own. */
export interface GpujsRuntime {
  /** The class of gpu.js. */
  readonly GPU: typeof GPU;
  /** Where to compute. */
  readonly mode: GpujsMode;
}

/** What a backend keeps alive. */
export interface GpujsMemory {
  /** The tensors that it made and that were not disposed of. */
  readonly tensors: number;
  /** The textures of these tensors; on webgpu buffers. */
  readonly textures: number;
  /** Its compiled kernels, which are made when they are first needed. */
  readonly kernels: number;
}

/** A {@link Backend} of gpu.js's arrays and textures. Release it when the averages are no longer needed. */
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
  swap(
    parameters: readonly Parameter<GpujsTensor>[],
    tensors: readonly GpujsTensor[],
  ): Promise<readonly GpujsTensor[]>;
  dispose(tensors: readonly GpujsTensor[]): void;
  /** What it keeps alive now. */
  memory(): GpujsMemory;
  /** Destroys its kernels, and the GPU instance that it made. Later calls but `dispose` are refused. */
  release(): Promise<void>;
}

/**
 * gpu.js, as a backend of weight averaging.
 *
 * @param gpu - an instance, which stays its owner's, or `{ GPU, mode }` for one of the backend's own
 * @returns the backend, named after the mode that really computes
 */
export async function gpujsBackend(gpu: GPU | GpujsRuntime): Promise<GpujsBackend> {
  throw new PolyakError('ERR_UNSUPPORTED', `gpujsBackend: not written yet ${typeof gpu}.`);
}
