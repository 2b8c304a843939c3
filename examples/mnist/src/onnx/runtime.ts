// The demo on ONNX Runtime.
import { availableParallelism } from 'node:os';

import {
  batchNormModel,
  loadOnnxModel,
  onnxBackend,
  trainStepOptimizer,
} from '@polyak/backend-onnx';
import type { OnnxBatch, OnnxModel } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';

import { orderedBatches } from '../data/batches.js';
import type { Digits } from '../data/mnist.js';
import { momentum, statisticsBatchSize } from '../data/problem.js';
import { initialWeights } from '../runtime/initial-weights.js';
import type { Network, Runtime } from '../runtime/runtime.js';
import { imageTensor, labelTensor } from './digit-tensors.js';
import { inferenceGraph } from './inference-graph.js';
import { digitLayers, digitShapes } from './network.js';
import { scoreModel } from './score.js';
import { trainGraph } from './train-graph.js';

/**
 * How sessions run: on as many threads as this process may use, and none of them spins while it
 * waits for others, which on a machine that does other work doubles the time of a step.
 */
const session = {
  intraOpNumThreads: Math.min(availableParallelism(), 4),
  extra: { session: { intra_op: { allow_spinning: '0' } } },
};

/** ONNX Runtime on the CPU. */
export async function onnxRuntime(): Promise<Runtime<ort.Tensor, OnnxBatch>> {
  return {
    backend: await onnxBackend(ort),
    versions: { 'onnxruntime-node': ort.env.versions.node ?? 'unknown' },
    modelName: 'averaged-model.onnx',
    createNetwork,
    async loadModel(path) {
      const model = await loadOnnxModel(ort, path, { session });
      return {
        score: async (digits) => scoreModel(model, digits),
        dispose: async () => model.release(),
      };
    },
  };
}

/** Two graphs over the same cells: what one trains, the other is scored with, and saved. */
async function createNetwork(
  seed: number,
  learningRate: number,
): Promise<Network<ort.Tensor, OnnxBatch>> {
  const weights = initialWeights(digitLayers, seed);
  const model = await loadOnnxModel(ort, inferenceGraph(digitLayers, weights, digitShapes), {
    session,
  });
  const optimizer = await trainStepOptimizer(
    ort,
    trainGraph(digitLayers, { ...digitShapes, momentum }),
    {
      parameters: model.parameters,
      state: statisticsOf(model),
      lr: learningRate,
      session,
    },
  );
  const batchNorm = batchNormModel(ort, model, { varianceKind: 'population' });
  return {
    optimizer,
    minimize: async (batch) =>
      optimizer.minimize({ images: imageTensor(batch), labels: labelTensor(batch) }),
    score: async (digits) => scoreModel(model, digits),
    batchNorm: (digits) => ({ model: batchNorm, loader: imageBatches(digits) }),
    save: async (path) => model.save(path),
    async dispose() {
      await batchNorm.release();
      await optimizer.release();
      await model.release();
    },
  };
}

function statisticsOf({ initializers, parameters }: OnnxModel): OnnxModel['parameters'] {
  return [...initializers.values()].filter((cell) => !parameters.includes(cell));
}

/** Each iteration starts anew. */
function imageBatches(digits: Digits): Iterable<OnnxBatch> {
  return {
    *[Symbol.iterator]() {
      for (const batch of orderedBatches(digits, statisticsBatchSize))
        yield { images: imageTensor(batch) };
    },
  };
}
