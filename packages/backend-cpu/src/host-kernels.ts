// The averaging kernels over ordinary arrays, for other backends with tensors in host memory.
import { NarrowHalves } from './half/half-array.js';
import type { LiveArray } from './half/half-array.js';
import { chooseEngine } from './kernel/choose-engine.js';
import type { Elements, FloatArray } from './kernel/engine.js';
import { PLAIN, SpareArrays } from './kernel/spare-arrays.js';
import type { UpdateItem, UpdateResult } from './update.js';
import { updated } from './update.js';

/**
 * Averaging of float32 and float64 arrays, synchronous; live weights may be half precision. Arrays
 * that are passed in are only read, and not kept. Returned arrays are ordinary ones: the caller
 * owns them and need not free them.
 */
export interface HostKernels {
  /** What runs, such as `cpu:wasm`. */
  readonly name: 'cpu:wasm' | 'cpu:js';
  /**
   * `average + weight * (live - average)` of every item, in new arrays; or refused, where one would
   * not be finite. Finite values do not overflow: elements that would are
   * `(1 - weight) * average + weight * live`, and their residuals 0.
   *
   * @param items - as many as one update has; arrays may occur more than once
   * @param options - `allowNonFinite` makes the update in any case
   * @throws RangeError where there is no memory left
   */
  average(
    items: readonly UpdateItem<LiveArray>[],
    options?: { readonly allowNonFinite?: boolean },
  ): UpdateResult;
  /**
   * Takes arrays that are no longer read, such as the old averages. A later update writes its
   * results into them, which is faster than new memory. Pass each array once.
   */
  recycle(arrays: readonly FloatArray[]): void;
  /** Whether all elements are finite. */
  allFinite(data: FloatArray): boolean;
}

/**
 * Kernels for arrays anywhere in host memory.
 *
 * @param options - which kernel, as for `cpuBackend`
 * @throws PolyakError `ERR_UNSUPPORTED` where `wasm` is asked for and the runtime lacks it
 * @throws TypeError where the options are no object, or one of them is not known; RangeError for
 *   another kernel
 */
export function hostKernels(options: { readonly kernel?: 'wasm' | 'js' } = {}): HostKernels {
  const engine = chooseEngine('hostKernels', options);
  const arrays = new SpareArrays(PLAIN);
  return {
    name: engine.name,
    average: (items, { allowNonFinite = false } = {}) =>
      updated(engine, arrays, items.map(readable), allowNonFinite),
    recycle: (list) => arrays.keep(list),
    allFinite: (data) => engine.allFinite(data),
  };
}

function readable({
  average,
  residual,
  live,
  weight,
}: UpdateItem<LiveArray>): UpdateItem<Elements> {
  return { average, residual, live: 'bits' in live ? new NarrowHalves(live) : live, weight };
}
