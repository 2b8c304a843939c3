// The types of the gpu.js backend, and of the part that depends on the mode.
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import type { LedgerMemory } from '@polyak/core/kit';
import type { GpujsMode } from '../gpu.js';
import type { GpujsTensor } from '../tensor.js';

/** The memory of a backend: its tensors and its kernels. */
export interface GpujsMemory extends LedgerMemory {
  /** Its compiled kernels, which are made when they are first needed. */
  readonly kernels: number;
}

/**
 * A {@link Backend} of gpu.js's arrays and textures. Release it when the averages are no longer
 * needed.
 */
export interface GpujsBackend extends Backend<GpujsTensor> {
  /** `gpujs:` and the mode that really runs. */
  readonly name: `gpujs:${GpujsMode}`;
  upload(tensors: readonly HostTensor[]): readonly GpujsTensor[];
  /** Frees tensors that this backend made. Others are their owner's: textures are not deleted. */
  dispose(tensors: readonly GpujsTensor[]): void;
  /** The tensors that are alive now, and the kernels. */
  memory(): GpujsMemory;
  /**
   * Destroys its kernels, and the GPU instance if the backend made it. Later calls are refused,
   * except `dispose`.
   */
  release(): Promise<void>;
}

/** The part of a backend that depends on where the mode has its tensors. */
export interface ModeBackend extends Omit<
  GpujsBackend,
  'specVersion' | 'name' | 'dtypes' | 'spec' | 'memory' | 'release'
> {
  memory(): LedgerMemory;
}
