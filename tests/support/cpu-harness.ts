// What tests run on the CPU backend with.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';

/** A harness on the CPU backend. */
export function cpuHarness(kernel: 'wasm' | 'js'): BackendHarness<HostTensor> {
  const backend = cpuBackend({ kernel });
  return {
    backend,
    parameter: (name, tensor) => parameter(name, { ...tensor, data: tensor.data.slice() }),
    liveTensors: () => backend.memory().tensors,
  };
}
