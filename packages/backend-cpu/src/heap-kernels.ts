// The averaging kernels over arrays in the memory of another WebAssembly module. They read and
// write where the arrays lie: nothing passes through scratch.
import type { Arithmetic, Sources, Targets } from './kernel/engine.js';
import type { Kernel, Memory } from './kernel/webassembly.js';
import { compileKernel, instantiateKernel } from './kernel/webassembly.js';
import type { UpdateItem, UpdateResult } from './update.js';
import { updated } from './update.js';

/** Averaging of float32 arrays that are views of one memory. */
export interface HeapKernels {
  /**
   * As `average` of `HostKernels`, into arrays of the caller.
   *
   * @param items - only read
   * @param targets - where the results go: for each item the average, followed by the residual
   *   where it has one. A refused update leaves numbers without a meaning there
   * @param allowNonFinite - whether the update is made in any case
   */
  average(
    items: readonly UpdateItem[],
    targets: readonly Float32Array[],
    allowNonFinite: boolean,
  ): UpdateResult;
  /** Whether all elements are finite. */
  allFinite(data: Float32Array): boolean;
}

/**
 * Kernels for arrays within a memory.
 *
 * @param memory - a `WebAssembly.Memory`, not a shared one. It may grow between calls
 * @throws whatever the runtime throws where it lacks SIMD, or where `memory` is something else
 */
export function heapKernels(memory: Memory): HeapKernels {
  const arithmetic = arithmeticOf(instantiateKernel(compileKernel(), memory));
  return {
    average: (items, targets, allowNonFinite) =>
      updated(arithmetic, { take: () => targets, keep: () => {} }, items, allowNonFinite),
    allFinite: (data) => arithmetic.allFinite(data),
  };
}

/** The smallest bit pattern that is not finite. */
const EXPONENT = 0x7f80_0000;
const ALL_BUT_SIGN = 0x7fff_ffff;

function arithmeticOf(kernel: Kernel): Arithmetic {
  return {
    average(to: Targets, { average, residual, live }: Sources, weight: number) {
      const [target, a, p] = [to.average.byteOffset, average.byteOffset, live.byteOffset];
      if (residual === undefined || to.residual === undefined) {
        return kernel.average32(target, a, p, live.length, weight);
      }
      const [rest, c] = [to.residual.byteOffset, residual.byteOffset];
      return kernel.averageCompensated32(target, rest, a, c, p, live.length, weight);
    },
    allFinite: (data) =>
      kernel.allBelow(data.byteOffset, data.byteLength, ALL_BUT_SIGN, EXPONENT) === 1,
  };
}
