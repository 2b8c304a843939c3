// The choice of the kernels: WebAssembly where the runtime has it.
import { JsSums } from './js-sums.js';
import type { SumKernels } from './sum-kernels.js';
import { WasmSums } from './wasm-sums.js';

/**
 * A memory with its kernels: in WebAssembly, or in JavaScript where there is none. They agree bit
 * for bit.
 *
 * @param byteLength - of the memory, whose pages cost nothing until they are touched
 * @throws RangeError where there is not that much memory
 * @example
 * ```ts
 * import { sumKernels } from '@polyak/backend-cpu/sums';
 *
 * const [a, b, sum] = [0, 16, 32];
 * const kernels = sumKernels(64);
 * const { buffer } = kernels.bytes;
 * new Float32Array(buffer, a, 2).set([1, 2]);
 * new Float32Array(buffer, b, 2).set([2, 8]);
 *
 * kernels.clear(sum, 2);
 * for (const values of [a, b]) kernels.add(sum, values, 'float32', 2, 1 / 2);
 * kernels.round(sum, a, 'float32', 2);
 * console.log(new Float32Array(buffer, a, 2)); // Float32Array(2) [ 1.5, 5 ]
 * ```
 */
export function sumKernels(byteLength: number): SumKernels {
  try {
    return new WasmSums(byteLength);
  } catch {
    return new JsSums(byteLength);
  }
}
