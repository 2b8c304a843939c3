// SWA over ordinary typed arrays, as a user of the CPU backend has it.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { observedOptimizer, SWA } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { tensorOf } from './shared/arrays.js';

/**
 * Weight averaging in manual mode with the default options, silent.
 *
 * @param arrays - the live weights, one for each parameter
 */
export function hostSwa(arrays: readonly Float32Array[]): SWA<HostTensor> {
  const params = arrays.map((data, index) => parameter(`layer${index}`, tensorOf(data)));
  return new SWA(observedOptimizer([{ params, lr: 0.1 }]), {
    backend: cpuBackend(),
    // The live weights stay as they are, which SWA warns of.
    onWarning() {},
  });
}
