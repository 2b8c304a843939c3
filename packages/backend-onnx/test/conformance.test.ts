// The published suite on the cpu provider; webgpu.test.ts runs it on webgpu.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import { backendConformance } from '@polyak/core/conformance';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

describe('onnx:cpu', () => {
  const tests = backendConformance(async () => {
    const backend = await onnxBackend(ort);
    return {
      backend,
      parameter: async (name, tensor) =>
        onnxParameter(name, (await backend.upload([tensor]))[0] as ort.Tensor),
      liveTensors: () => backend.memory().tensors,
      close: async () => backend.release(),
    };
  });
  it.each(tests)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
