// The CPU backend passes the conformance suite.
import { cpuBackend, inPlaceCpuBackend, parameter } from '@polyak/backend-cpu';
import { backendConformance } from '@polyak/core/conformance';
import { describe } from 'vitest';
import { declareConformance, NO_HALF, sideBySide } from '../../../../tests/support/conformance.js';

describe.each([
  { make: cpuBackend, kernel: 'wasm' },
  { make: cpuBackend, kernel: 'js' },
  { make: inPlaceCpuBackend, kernel: 'wasm' },
] as const)('$make.name with the kernel $kernel', ({ make, kernel }) => {
  declareConformance(
    backendConformance(() => {
      const backend = make({ kernel });
      return {
        backend,
        parameter: (name, tensor) => parameter(name, { ...tensor, data: tensor.data.slice() }),
        sameParameter: ({ name, get }) => parameter(name, get()),
        views: (tensors) => sideBySide(tensors).map((tensor, n) => parameter(`p${n}`, tensor)),
        liveTensors: () => backend.memory().tensors,
      };
    }),
    [NO_HALF],
  );
});
