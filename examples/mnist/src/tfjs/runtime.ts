// The demo on TensorFlow.js.
import { modelParameters, tfjsBackend, tfjsOptimizer } from '@polyak/backend-tfjs';
import type { InputBatch, TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';
import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import type { TensorFlowBackendName } from '@polyak/example-shared/load-tfjs';
import { loadModel, saveModel } from '@polyak/example-shared/model-files';

import { momentum } from '../data/problem.js';
import type { Network, Runtime } from '../runtime/runtime.js';
import { batchNormOf } from './batch-norm.js';
import { imageTensor, labelTensor } from './digit-tensors.js';
import { createNetwork } from './network.js';
import { crossEntropy, scoreModel } from './score.js';

type Tensor = TensorFlow.Tensor;

/** The runtime of TensorFlow.js that was asked for; says why a faster one was not taken. */
export async function tfjsRuntime(
  name: TensorFlowBackendName,
  note: (text: string) => void,
): Promise<Runtime<Tensor, InputBatch>> {
  const { tf } = await loadTfjs(name, note);
  return {
    backend: tfjsBackend(tf),
    versions: { '@tensorflow/tfjs': tf.version_core },
    modelName: 'averaged-model',
    createNetwork: async (seed, learningRate) =>
      networkOf(tf, createNetwork(tf, seed), learningRate),
    async loadModel(path) {
      const model = await loadModel(tf, path);
      return {
        score: async (digits) => scoreModel(tf, model, digits),
        dispose: async () => void model.dispose(),
      };
    },
  };
}

function networkOf(
  tf: TensorFlowWithLayers,
  model: TensorFlow.LayersModel,
  learningRate: number,
): Network<Tensor, InputBatch> {
  const optimizer = tf.train.momentum(learningRate, momentum);
  return {
    optimizer: tfjsOptimizer(tf, optimizer, modelParameters(model)),
    async minimize(batch) {
      const [images, labels] = [imageTensor(tf, batch), labelTensor(tf, batch)];
      const cost = optimizer.minimize(
        () => crossEntropy(tf, labels, model.apply(images, { training: true }) as Tensor),
        true,
      );
      const [loss = NaN] = (await cost?.data()) ?? [];
      tf.dispose([images, labels, ...(cost ? [cost] : [])]);
      return loss;
    },
    score: async (digits) => scoreModel(tf, model, digits),
    batchNorm: (digits) => batchNormOf(tf, model, digits),
    save: async (path) => saveModel(tf, model, path),
    async dispose() {
      optimizer.dispose();
      model.dispose();
    },
  };
}
