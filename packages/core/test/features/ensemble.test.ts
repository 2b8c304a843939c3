// Snapshots on the CPU backend: the checks that every backend passes.
import { cpuBackend, parameter } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { ensembleChecks } from './ensemble.js';

describe.each(['wasm', 'js'] as const)('snapshots on cpu:%s', (kernel) => {
  const checks = ensembleChecks(() => {
    const backend = cpuBackend({ kernel });
    return {
      backend,
      parameter: (name, tensor) => parameter(name, { ...tensor, data: tensor.data.slice() }),
      liveTensors: () => backend.memory().tensors,
    };
  });
  it.each(checks)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
