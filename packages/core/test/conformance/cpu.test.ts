// The CPU backend passes the conformance suite.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { backendConformance } from '@polyak/core/conformance';
import { describe } from 'vitest';
import { declareConformance, NO_HALF, sideBySide } from '../../../../tests/support/conformance.js';

describe.each(['wasm', 'js'] as const)('the CPU backend with its %s kernel', (kernel) => {
  declareConformance(
    backendConformance(() => {
      const backend = cpuBackend({ kernel });
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
