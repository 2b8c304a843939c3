// A training step of the network of examples/mnist with SWA at every step, against one without. Two
// networks from the same weights step in turn on the same batch.
import { swaCallback, swaOptimizer } from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { SWA } from '@polyak/core';
import { loadRuntime } from '@polyak/example-mnist/runtime';
import { createNetwork } from '@polyak/example-mnist/tfjs/network';
import type { LayersModel, Optimizer, Tensor } from '@tensorflow/tfjs';
import gpujs from 'gpu.js';
import type { Row, Subject } from '../row.js';
import { digitBatch } from './shared/digits.js';
import { fitSteps } from './shared/fit-steps.js';
import type { TfjsName } from './shared/load-tfjs.js';
import { loadedTfjs, TFJS_BACKENDS } from './shared/load-tfjs.js';

const AVERAGING = { swaStart: 0, swaFreq: 1 };
const LEARNING_RATE = 0.01;
const MOMENTUM = 0.9;
/** Steps on tfjs's cpu take so long that a small batch must do. */
const [IMAGES, FEW_IMAGES] = [128, 8];
/** What SWA adds is 0.05 to 0.4 ms; the rest is how evenly a busy machine runs the steps. */
const GATE = 1.3;

/** One row for each runtime, and for each way to average in it. */
export function trainingRows(): readonly Row[] {
  const gpujsMode = gpujs.GPU.isHeadlessGLSupported ? 'headlessgl' : 'webasm';
  return [
    row('tfjs cpu, SWA.step', FEW_IMAGES, async (images) => stepping('cpu', images)),
    ...(['wasm', 'tensorflow'] as const).flatMap((name) => [
      row(`tfjs ${name}, SWA.step`, IMAGES, async (images) => stepping(name, images)),
      row(`tfjs ${name}, swaOptimizer`, IMAGES, async (images) => optimizing(name, images)),
      row(`tfjs ${name}, swaCallback`, IMAGES, async (images) => fitting(name, images)),
    ]),
    row('onnx cpu, SWA.step', IMAGES, async (images) => stepping('onnx', images)),
    row(`gpujs ${gpujsMode}, SWA.step`, IMAGES, async (images) => stepping('gpujs', images)),
  ];
}

function row(name: string, images: number, prepare: (images: number) => Promise<Subject>): Row {
  return {
    work: 'training step',
    name: `${name}, ${images} images`,
    tensors: 10,
    elements: 14_434,
    against: 'without SWA',
    target: 1.02,
    gate: GATE,
    prepare: async () => prepare(images),
  };
}

/** A loop of one's own around `swa.step`. */
async function stepping(name: TfjsName | 'onnx' | 'gpujs', images: number): Promise<Subject> {
  if (name === 'tensorflow') await loadedTfjs(name);
  const backendName = name === 'onnx' || name === 'gpujs' ? name : TFJS_BACKENDS[name];
  const runtime = await loadRuntime(backendName, () => undefined);
  const plain = await runtime.createNetwork(1, LEARNING_RATE);
  const averaged = await runtime.createNetwork(1, LEARNING_RATE);
  const swa = new SWA(averaged.optimizer, { backend: runtime.backend, ...AVERAGING });
  const batch = digitBatch(images);
  return {
    variant: async () => swa.step(async () => averaged.minimize(batch)),
    reference: async () => plain.minimize(batch),
    async release() {
      await swa.dispose();
      for (const network of [plain, averaged]) await network.dispose();
    },
  };
}

/** `trainOnBatch` of a model compiled with a `swaOptimizer`. */
async function optimizing(name: TfjsName, images: number): Promise<Subject> {
  const tf = await loadedTfjs(name);
  const batch = tensorsOf(tf, images);
  const base = (): Optimizer => tf.train.momentum(LEARNING_RATE, MOMENTUM);
  const plain = compiled(tf, base());
  const averaged = compiled(tf, swaOptimizer(tf, base(), AVERAGING));
  return {
    variant: async () => averaged.trainOnBatch(...batch),
    reference: async () => plain.trainOnBatch(...batch),
    release() {
      for (const model of [plain, averaged]) model.dispose();
      tf.dispose(batch);
    },
  };
}

/** The steps of `fitDataset` with a `swaCallback`. */
async function fitting(name: TfjsName, images: number): Promise<Subject> {
  const tf = await loadedTfjs(name);
  const batch = tensorsOf(tf, images);
  const [plain, averaged] = [1, 2].map(() =>
    compiled(tf, tf.train.momentum(LEARNING_RATE, MOMENTUM)),
  ) as [LayersModel, LayersModel];
  const callback = swaCallback(tf, averaged, { ...AVERAGING, loader: [batch] });
  const steps = fitSteps(tf, plain, batch, []);
  const averagedSteps = fitSteps(tf, averaged, batch, [callback]);
  return {
    variant: async () => averagedSteps.step(),
    reference: async () => steps.step(),
    async release() {
      await steps.end();
      await averagedSteps.end();
      await callback.swa.dispose({ keep: 'averages' });
      for (const model of [plain, averaged]) model.dispose();
      tf.dispose([...batch]);
    },
  };
}

function compiled(tf: TensorFlowWithLayers, optimizer: Optimizer): LayersModel {
  const model = createNetwork(tf, 1);
  const loss = (labels: Tensor, logits: Tensor): Tensor =>
    tf.losses.softmaxCrossEntropy(labels, logits);
  model.compile({ optimizer, loss });
  return model;
}

function tensorsOf(tf: TensorFlowWithLayers, count: number): [images: Tensor, labels: Tensor] {
  const { images, labels } = digitBatch(count);
  return [
    tf.tensor4d(images, [count, 28, 28, 1]),
    tf.tidy(() => tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), 10)),
  ];
}
