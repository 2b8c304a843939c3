// The CPU backend as a yardstick of those that keep their tensors in host memory too.
import { cpuBackend } from '@polyak/backend-cpu';
import { filled, tensorOf } from './arrays.js';
import type { Yardstick } from './rows.js';
import { lengthsOf, updating } from './updating.js';

/** An update of the CPU backend by live weights in ordinary arrays, where its users have them. */
export const CPU_BACKEND: Yardstick<unknown> = {
  name: 'cpu:wasm average',
  of: ({ arrays }) => {
    const backend = cpuBackend({ kernel: 'wasm' });
    const averages = backend.upload(filled(lengthsOf(arrays), 1).map(tensorOf));
    const live = filled(lengthsOf(arrays), 2).map(tensorOf);
    return updating(backend, averages, [], () => live);
  },
};
