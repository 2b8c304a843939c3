// What tests run on ONNX Runtime's cpu provider with.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { BackendHarness } from '@polyak/core/conformance';
import * as ort from 'onnxruntime-node';

/** A harness on a backend of its own. */
export async function onnxHarness(): Promise<BackendHarness<ort.Tensor>> {
  const backend = await onnxBackend(ort);
  return {
    backend,
    parameter: async (name, tensor) =>
      onnxParameter(name, (await backend.upload([tensor]))[0] as ort.Tensor),
    liveTensors: () => backend.memory().tensors,
    close: async () => backend.release(),
  };
}
