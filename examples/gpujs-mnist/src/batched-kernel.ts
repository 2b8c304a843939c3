// Kernels over batches: one is compiled for each number of samples.
import {
  flatKernel,
  type FlatKernel,
  type KernelArgument,
  type KernelArray,
} from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

/** What a kernel computes for so many samples. */
export interface BatchedPlan {
  readonly source: string;
  /** The extents, innermost first. */
  readonly output: (count: number) => readonly number[];
  readonly constants?: Readonly<Record<string, number>>;
}

/** A kernel for any number of samples. */
export interface BatchedKernel {
  run(count: number, ...args: KernelArgument[]): Promise<KernelArray>;
  read(count: number, ...args: KernelArgument[]): Promise<Float32Array>;
  dispose(): void;
}

/**
 * The source also finds `this.constants.count`, the number of samples.
 *
 * Indices are floats in places, so an array has to have less than 2^24 elements.
 */
export function batchedKernel(
  gpu: GPU,
  name: string,
  { source, output, constants }: BatchedPlan,
): BatchedKernel {
  const kernels = new Map<number, FlatKernel>();
  const kernelFor = (count: number): FlatKernel => {
    const extents = output(count);
    const found =
      kernels.get(count) ??
      flatKernel(gpu, source, {
        name,
        output: extents,
        constants: { ...constants, count },
        workers: isLarge(extents) ? 2 : 1,
      });
    kernels.set(count, found);
    return found;
  };
  return {
    run: async (count, ...args) => kernelFor(count).run(...args),
    read: async (count, ...args) => kernelFor(count).read(...args),
    dispose() {
      for (const kernel of kernels.values()) kernel.dispose();
      kernels.clear();
    },
  };
}

/**
 * Whether a second worker is worth its memory, on webasm: there, only rows of a multiple of 4 are
 * taken four at a time.
 */
function isLarge(extents: readonly number[]): boolean {
  return (
    Number(extents[0]) % 4 === 0 &&
    extents.reduce((product, extent) => product * extent, 1) >= 50_000
  );
}
