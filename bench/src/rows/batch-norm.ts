// A batch-norm update of the network of examples/mnist, against bare forward passes over the same
// batches.
import { batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
import type { BatchNormModelOptions } from '@polyak/backend-onnx';
import type { GpujsMode } from '@polyak/backend-gpujs';
import { batchNormModel as tfjsBatchNormModel } from '@polyak/backend-tfjs';
import { bnUpdate } from '@polyak/core';
import { digitNetwork, digitParameters, digitStatistics } from '@polyak/example-gpujs-mnist';
import { initialWeights } from '@polyak/example-mnist/initial-weights';
import { inferenceGraph } from '@polyak/example-mnist/onnx/inference-graph';
import { digitLayers, digitShapes } from '@polyak/example-mnist/onnx/network';
import { createNetwork } from '@polyak/example-mnist/tfjs/network';
import gpujs from 'gpu.js';
import * as ort from 'onnxruntime-node';
import type { Row, Subject } from '../row.js';
import { TorchProcess } from '../torch/python.js';
import { digitBatch, pixelsOf } from './shared/digits.js';
import type { TfjsName } from './shared/load-tfjs.js';
import { loadedTfjs } from './shared/load-tfjs.js';

const { GPU } = gpujs;
const BATCHES = 3;
/** Passes on a cpu mode take so long that small batches must do. */
const [IMAGES, FEW_IMAGES] = [400, 20];

/** One row for each runtime. */
export function batchNormRows(): readonly Row[] {
  return [
    row('tfjs cpu', FEW_IMAGES, { gate: 1.3 }, async (images) => tfjs('cpu', images)),
    row('tfjs wasm', IMAGES, { gate: 1.3 }, async (images) => tfjs('wasm', images)),
    row(
      'tfjs tensorflow',
      IMAGES,
      {
        note:
          'Two means and the squared distances read each layer three more times, and some 20 ' +
          "small operations cost up to 0.05 ms each. TensorFlow's own batch norm in training " +
          'mode takes half of that, but its mean is wrong by 3e-6 of its size.',
      },
      async (images) => tfjs('tensorflow', images),
    ),
    row(
      'onnx cpu, reduce-mean',
      IMAGES,
      {
        note:
          'A node for each mean and for the distances: ONNX Runtime does not merge them. The ' +
          'reduction training-mode is one node, and less precise.',
      },
      async (images) => onnx('reduce-mean', images),
    ),
    row('onnx cpu, training-mode', IMAGES, {}, async (images) => onnx('training-mode', images)),
    {
      ...row('onnx cpu, reduce-mean', IMAGES, { isPeer: true }, besideTorch),
      against: 'torch update_bn',
    },
    row('gpujs cpu', FEW_IMAGES, { gate: 1.3 }, async (images) => gpujsIn('cpu', images)),
    row('gpujs webasm', IMAGES, { gate: 1.3 }, async (images) => gpujsIn('webasm', images)),
    ...(GPU.isHeadlessGLSupported
      ? [row('gpujs headlessgl', IMAGES, {}, async (images) => gpujsIn('headlessgl', images))]
      : []),
  ];
}

function row(
  name: string,
  images: number,
  label: Pick<Row, 'gate' | 'isPeer' | 'note'>,
  prepare: (images: number) => Promise<Subject>,
): Row {
  return {
    work: 'bnUpdate',
    name: `${name}, batches of ${images}`,
    tensors: BATCHES,
    elements: BATCHES * pixelsOf(images),
    against: 'forward pass',
    target: 1.1,
    ...label,
    prepare: async () => prepare(images),
  };
}

async function tfjs(name: TfjsName, count: number): Promise<Subject> {
  const tf = await loadedTfjs(name);
  const model = createNetwork(tf, 1);
  const { images } = digitBatch(count);
  const batches = repeated(() => tf.tensor4d(images, [count, 28, 28, 1]));
  const batchNorm = tfjsBatchNormModel(tf, model);
  return {
    variant: async () => bnUpdate(batches, batchNorm),
    reference() {
      for (const batch of batches) tf.dispose(model.predictOnBatch(batch));
    },
    release() {
      tf.dispose(batches);
      model.dispose();
    },
  };
}

async function onnx(
  reduction: NonNullable<BatchNormModelOptions['reduction']>,
  count: number,
): Promise<Subject> {
  const weights = initialWeights(digitLayers, 1);
  const model = await loadOnnxModel(ort, inferenceGraph(digitLayers, weights, digitShapes));
  const batchNorm = batchNormModel(ort, model, { varianceKind: 'population', reduction });
  const { images } = digitBatch(count);
  const batches = repeated(() => ({ images: new ort.Tensor(images, [count, 1, 28, 28]) }));
  return {
    variant: async () => bnUpdate(batches, batchNorm),
    async reference() {
      for (const batch of batches) await model.run(batch);
    },
    async release() {
      await batchNorm.release();
      await model.release();
    },
  };
}

/** The same network and weights in PyTorch, as threads by default. */
async function besideTorch(count: number): Promise<Subject> {
  const torch = await TorchProcess.start('update-bn.py');
  const weights = initialWeights(digitLayers, 1);
  const lists = Object.fromEntries([...weights].map(([name, data]) => [name, [...data]]));
  torch.tell({ weights: lists, batches: BATCHES, images: count });
  return { ...(await onnx('reduce-mean', count)), reference: torch.sample((repeats) => repeats) };
}

async function gpujsIn(mode: GpujsMode, count: number): Promise<Subject> {
  const gpu = new GPU({ mode });
  const plans = { parameters: digitParameters, statistics: digitStatistics };
  const options = { learningRate: 0, momentum: 0 };
  const network = digitNetwork(gpu, initialWeights([plans], 1), options);
  const { images } = digitBatch(count);
  const batches = repeated(() => images);
  return {
    variant: async () => bnUpdate(batches, network.batchNorm),
    async reference() {
      for (const batch of batches) await network.infer(batch);
    },
    async release() {
      network.dispose();
      await gpu.destroy();
    },
  };
}

function repeated<Batch>(make: () => Batch): Batch[] {
  return Array.from({ length: BATCHES }, make);
}
