// The CPU backend passes the conformance suite.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { backendConformance } from '@polyak/core/conformance';
import { describe } from 'vitest';
import { declareConformance, NO_HALF, sideBySide } from '../../../../tests/support/conformance.js';

describe.each([{ kernel: 'wasm' }, { kernel: 'js' }, { kernel: 'wasm', inPlace: true }] as const)(
  'the CPU backend with the options %o',
  (options) => {
    declareConformance(
      backendConformance(() => {
        const backend = cpuBackend(options);
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
  },
);
