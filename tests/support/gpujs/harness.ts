// What tests of other packages run on gpu.js with.
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { BackendHarness } from '@polyak/core/conformance';
import { GPU } from './modes.js';
import type { NodeMode } from './modes.js';

/** A harness on a GPU instance of its own, its live weights in arrays. */
export async function gpujsHarness(mode: NodeMode): Promise<BackendHarness<GpujsTensor>> {
  const backend = await gpujsBackend({ GPU, mode });
  return {
    backend,
    parameter: (name, { data, shape }) => gpujsParameter(name, data.slice() as Float32Array, shape),
    liveTensors: () => backend.memory().tensors,
    close: async () => backend.release(),
  };
}
