// ONNX Runtime on webgpu, its weights in buffers of the device. It has a Dawn of its own, and gives
// out neither its device nor its queue.
import { batchNormModel, loadOnnxModel, onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { OnnxBackend, OnnxBatch } from '@polyak/backend-onnx';
import type { HostTensor } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { inferenceGraph } from '../../../../examples/mnist/src/onnx/inference-graph.js';
import { digitLayers, digitShapes } from '../../../../examples/mnist/src/onnx/network.js';
import { initialWeights } from '../../../../examples/mnist/src/runtime/initial-weights.js';
import { noise } from '../images.js';
import type { GpuRuntime, Held, Network } from '../runtime.js';
import { TRAINED, trainedNetwork } from './onnx-training.js';

const executionProviders = ['webgpu'] as const;

/**
 * Opens the runtime.
 *
 * @throws PolyakError `ERR_UNSUPPORTED` where ONNX Runtime finds no adapter
 */
export async function onnxRuntime(): Promise<GpuRuntime<ort.Tensor, OnnxBatch>> {
  const backend = await onnxBackend(ort, { executionProviders });
  const upload = async (tensor: HostTensor): Promise<ort.Tensor> =>
    (await backend.upload([tensor]))[0] as ort.Tensor;
  const vector = async (elements: number, fill: number): Promise<ort.Tensor> =>
    upload({ dtype: 'float32', shape: [elements], data: new Float32Array(elements).fill(fill) });
  const one = await vector(1, 1);
  return {
    versions: { 'onnxruntime-node': ort.env.versions.node ?? 'unknown' },
    backend,
    async harness() {
      const own = await onnxBackend(ort, { executionProviders });
      return {
        backend: own,
        parameter: async (name, tensor) =>
          onnxParameter(name, (await own.upload([tensor]))[0] as ort.Tensor),
        liveTensors: () => own.memory().tensors,
        close: async () => own.release(),
      };
    },
    async weight(elements, fill) {
      const parameter = onnxParameter('weight', await vector(elements, fill));
      return { value: parameter, release: () => backend.dispose([parameter.get()]) };
    },
    // The operator Identity, which is the only copy that ONNX Runtime offers.
    async copy(elements) {
      const source = await vector(elements, 1);
      return {
        value: async () => backend.dispose(await backend.clone([source])),
        release: () => backend.dispose([source]),
      };
    },
    // The queue is in order: what is read back comes after everything before.
    finish: async () => void (await backend.download([one])),
    trained: TRAINED,
    network: async (samples) => networkOf(backend, samples),
  };
}

/** The demo's network in inference, and a smaller one in training; see onnx-training.ts. */
async function networkOf(
  backend: OnnxBackend,
  samples: number,
): Promise<Held<Network<ort.Tensor, OnnxBatch>>> {
  const graph = inferenceGraph(digitLayers, initialWeights(digitLayers, 1), digitShapes);
  const model = await loadOnnxModel(ort, graph, { executionProviders, backend });
  const batchNorm = batchNormModel(ort, model, { executionProviders, backend });
  const { images } = noise(samples);
  const batch = { images: new ort.Tensor('float32', images, [samples, 1, 28, 28]) };
  const trained = await trainedNetwork(backend, samples);
  return {
    value: { ...trained.value, batchNorm, batch, forward: async () => model.run(batch) },
    async release() {
      await trained.release();
      await batchNorm.release();
      await model.release();
    },
  };
}
