// What the conformance suite runs with.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { AveragingProvider } from '@polyak/backend-onnx';
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { sideBySide } from '../../../../tests/support/conformance.js';

/** Makes a harness on a backend of its own. */
export function harnessOn(provider: AveragingProvider): () => Promise<BackendHarness<ort.Tensor>> {
  return async () => {
    const backend = await onnxBackend(ort, { executionProviders: [provider] });
    return {
      backend,
      parameter: async (name, tensor) =>
        onnxParameter(name, (await backend.upload([tensor]))[0] as ort.Tensor),
      // A tensor in host memory is none of the webgpu provider's.
      ...(provider === 'cpu' && { views: tensorsOver }),
      liveTensors: () => backend.memory().tensors,
      close: async () => backend.release(),
    };
  };
}

/** Places of tensors whose arrays lie in one memory. */
function tensorsOver(tensors: readonly HostTensor[]): readonly Parameter<ort.Tensor>[] {
  return sideBySide(tensors).map(({ data, shape }, n) =>
    onnxParameter(`p${n}`, new ort.Tensor('float32', data as Float32Array, shape)),
  );
}
