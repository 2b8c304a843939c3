// What the conformance suite runs with.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { AveragingProvider } from '@polyak/backend-onnx';
import type { BackendHarness } from '@polyak/core/conformance';
import * as ort from 'onnxruntime-node';

/** Makes a harness on a backend of its own. */
export function harnessOn(provider: AveragingProvider): () => Promise<BackendHarness<ort.Tensor>> {
  return async () => {
    const backend = await onnxBackend(ort, { executionProviders: [provider] });
    return {
      backend,
      parameter: async (name, tensor) =>
        onnxParameter(name, (await backend.upload([tensor]))[0] as ort.Tensor),
      liveTensors: () => backend.memory().tensors,
      close: async () => backend.release(),
    };
  };
}
