// A training step that ONNX Runtime runs on webgpu as a whole: dense layers. webgpu has no
// MaxUnpool, LogSoftmax and OneHot, so the demo's training step would run on the CPU in part.
import type { OnnxBackend, OnnxParameter } from '@polyak/backend-onnx';
import { onnxParameter } from '@polyak/backend-onnx';
import { observedOptimizer } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { GraphBuilder } from '../../../../examples/mnist/src/onnx/graph-builder.js';
import { dense } from '../../../../examples/mnist/src/onnx/layers/dense.js';
import type { TrainedLayer } from '../../../../examples/mnist/src/onnx/layers/layer.js';
import { relu } from '../../../../examples/mnist/src/onnx/layers/pooling.js';
import { initialWeights } from '../../../../examples/mnist/src/runtime/initial-weights.js';
import { noise } from '../images.js';
import type { Held, Network } from '../runtime.js';

const LAYERS = [dense('dense1', 784, 512), relu(), dense('dense2', 512, 10)] as const;

const SGD = { learningRate: 0.05, momentum: 0.9 };

/** What it is, in a few words. */
export const TRAINED = 'dense 784-512-10';

type Trained = Pick<Network<ort.Tensor, unknown>, 'optimizer' | 'minimize'>;

/**
 * A network in training, whose weights never leave the device.
 *
 * @param backend - holds the weights it starts from
 * @param samples - in the batch
 */
export async function trainedNetwork(
  backend: OnnxBackend,
  samples: number,
): Promise<Held<Trained>> {
  const cells = await cellsOf(backend);
  const outputs = cells.map(({ name }) => `${name}_new`);
  const session = await ort.InferenceSession.create(stepGraph(samples), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: Object.fromEntries(outputs.map((name) => [name, 'gpu-buffer'])),
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
  const { images, labels } = noise(samples);
  const target = new Float32Array(samples * 10);
  labels.forEach((label, n) => (target[n * 10 + label] = 1));
  const feeds = {
    images: new ort.Tensor('float32', images, [samples, 784]),
    target: new ort.Tensor('float32', target, [samples, 10]),
    lr: new ort.Tensor('float32', [SGD.learningRate], []),
  };
  const parameters = cells.filter(({ name }) => !name.endsWith('.velocity'));
  return {
    value: {
      optimizer: observedOptimizer([{ params: parameters, lr: SGD.learningRate }]),
      async minimize() {
        const weights = Object.fromEntries(cells.map((cell) => [cell.name, cell.get()]));
        const results = await session.run({ ...feeds, ...weights });
        for (const cell of cells) replace(cell, results[`${cell.name}_new`] as ort.Tensor);
      },
    },
    async release() {
      for (const cell of cells) cell.get().dispose();
      await session.release();
    },
  };
}

/** The weights and their velocities. */
async function cellsOf(backend: OnnxBackend): Promise<readonly OnnxParameter[]> {
  const plans = LAYERS.flatMap((layer) => layer.parameters);
  const weights = initialWeights(LAYERS, 1);
  const tensors = plans.flatMap(({ name, shape }) => {
    const data = weights.get(name) ?? new Float32Array();
    return [
      { name, shape, data },
      { name: `${name}.velocity`, shape, data: new Float32Array(data.length) },
    ];
  });
  const uploaded = await backend.upload(
    tensors.map(({ shape, data }) => ({ dtype: 'float32', shape, data })),
  );
  return tensors.map(({ name }, n) => onnxParameter(name, uploaded[n] as ort.Tensor));
}

/** Puts the result of a run into a cell, which does not own it, and frees the one before. */
function replace(cell: OnnxParameter, next: ort.Tensor): void {
  const old = cell.get();
  cell.set(next);
  if (old.location !== 'none') old.dispose();
}

/** Forward pass, gradients of the mean softmax cross-entropy, and SGD with momentum. */
function stepGraph(samples: number): Uint8Array {
  const graph = new GraphBuilder();
  const lr = graph.input('lr', []);
  const target = graph.input('target', [samples, 10]);
  let x = graph.input('images', [samples, 784]);
  for (const { name, shape } of LAYERS.flatMap((layer) => layer.parameters)) {
    graph.input(name, shape);
  }
  const trained: TrainedLayer[] = [];
  for (const layer of LAYERS) {
    const made = layer.train(graph, x);
    trained.push(made);
    x = made.y;
  }
  const error = graph.subtract(graph.node('Softmax', [x], { axis: 1 }), target);
  let dy = (): string => graph.multiply(error, graph.scalar(1 / samples));
  const gradients: Record<string, string> = {};
  for (const layer of trained.toReversed()) {
    const back = layer.backward(dy());
    Object.assign(gradients, back.parameters);
    dy = () => back.input();
  }
  for (const { name, shape } of LAYERS.flatMap((layer) => layer.parameters)) {
    const velocity = graph.input(`${name}.velocity`, shape);
    const kept = graph.multiply(velocity, graph.scalar(SGD.momentum));
    const moved = graph.add(kept, gradients[name] ?? '');
    graph.output(`${velocity}_new`, moved, shape);
    graph.output(`${name}_new`, graph.subtract(name, graph.multiply(moved, lr)), shape);
  }
  return graph.toBytes('train');
}
