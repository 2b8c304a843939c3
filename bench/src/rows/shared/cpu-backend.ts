// The CPU backend as a yardstick of those that keep their tensors in host memory too.
import { cpuBackend } from '@polyak/backend-cpu';
import type { Yardstick } from './rows.js';
import { lengthsOf, residentAverage } from './updating.js';

/** An update of the CPU backend on tensors of its own. */
export const CPU_BACKEND: Yardstick<unknown> = {
  name: 'cpu:wasm average',
  of: ({ arrays }) => residentAverage(cpuBackend({ kernel: 'wasm' }), lengthsOf(arrays)),
};
