// The MNIST network in training on a runtime, with all that its next steps depend on.
import {
  loadTensorFlow,
  registerConvGradient,
  tfjsBackend,
  tfjsOptimizer,
  variableParameters,
} from '@polyak/backend-tfjs';
import type { TensorFlowBackend, TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { ParameterSet, SWA } from '@polyak/core';
import type { Digits } from '@polyak/example-mnist/mnist';
import { onnxRuntime } from '@polyak/example-mnist/onnx/runtime';
import { createNetwork } from '@polyak/example-mnist/tfjs/network';
import type * as TensorFlow from '@tensorflow/tfjs';
import type { Tensor as OrtTensor } from 'onnxruntime-node';

/** What trains: a backend of TensorFlow.js with an optimizer, or ONNX Runtime with momentum. */
export type Kind = `${TensorFlowBackend} ${'momentum' | 'adam'}` | 'onnx momentum';

/** A network in training. */
interface Trainee<T> {
  readonly swa: SWA<T>;
  /** All weights that training changes, batch norm's running statistics with them. */
  readonly weights: ParameterSet<T>;
  /** One step; gives the loss before it. */
  minimize(batch: Digits): Promise<number>;
}

const AVERAGING = { swaStart: 5, swaFreq: 1 } as const;

/** The network of a seed before its first step. */
export async function traineeOf(kind: Kind, seed: number): Promise<Trainee<unknown>> {
  const [runtime, optimizer] = kind.split(' ');
  if (runtime === 'onnx') return onOnnx(seed);
  const { tf } = await loadTensorFlow({ backends: [runtime as TensorFlowBackend] });
  // wasm lacks this kernel.
  if (runtime === 'wasm') registerConvGradient(tf);
  return onTensorFlow(tf, optimizer === 'adam', seed);
}

async function onOnnx(seed: number): Promise<Trainee<OrtTensor>> {
  const { backend, createNetwork: create } = await onnxRuntime();
  const network = await create(seed, 0.1);
  const { params } = network.optimizer.paramGroups[0] ?? { params: [] };
  return {
    swa: new SWA(network.optimizer, { backend, ...AVERAGING }),
    // The running statistics are in the state of the optimizer.
    weights: new ParameterSet(params, { backend }),
    minimize: async (batch) => network.minimize(batch),
  };
}

function onTensorFlow(
  tf: TensorFlowWithLayers,
  isAdam: boolean,
  seed: number,
): Trainee<TensorFlow.Tensor> {
  const model = createNetwork(tf, seed);
  const backend = tfjsBackend(tf);
  const variablesOf = (weights: TensorFlow.LayersModel['weights']): Record<string, never> =>
    // What `read` returns is the variable itself, whatever its type says.
    Object.fromEntries(weights.map((weight) => [weight.originalName, weight.read() as never]));
  const optimizer = isAdam ? tf.train.adam(0.01) : tf.train.momentum(0.1, 0.9);
  const trained = variableParameters(variablesOf(model.trainableWeights));
  return {
    swa: new SWA(tfjsOptimizer(tf, optimizer, trained), { backend, ...AVERAGING }),
    weights: new ParameterSet(variableParameters(variablesOf(model.weights)), { backend }),
    async minimize({ images, labels, count }) {
      const pixels = tf.tensor4d(images, [count, 28, 28, 1]);
      const digits = tf.tidy(() => tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), 10));
      const cost = optimizer.minimize(() => {
        const logits = model.apply(pixels, { training: true }) as TensorFlow.Tensor;
        return tf.losses.softmaxCrossEntropy(digits, logits);
      }, true);
      const [loss = Number.NaN] = (await cost?.data()) ?? [];
      tf.dispose([pixels, digits, ...(cost ? [cost] : [])]);
      return loss;
    },
  };
}
