import { describe, expect, it } from 'vitest';

import { gradientGraph, trainGraph } from '../src/onnx/train-graph.js';
import {
  digitsCase,
  feedsOf,
  float32,
  plansOf,
  relativeError,
  runOnce,
  smallCase,
  type Case,
} from './onnx-fixture.js';
import { forward64, type Tensor64, type Weights64 } from './onnx-reference.js';

const momentum = 0.9;

describe('trainGraph', () => {
  it.each([0, 0.05])('steps as SGD with momentum and a weight decay of %d', async (weightDecay) => {
    const network = smallCase(6);
    const model = trainGraph(network.layers, { ...network.shapes, momentum, weightDecay });
    const gradients = gradientGraph(network.layers, network.shapes);
    const names = network.layers.flatMap(({ parameters }) => parameters.map(({ name }) => name));
    let { weights } = network;
    let velocities: Weights64 = new Map(names.map((name) => [name, zerosLike(weights.get(name))]));
    for (let step = 0; step < 3; step += 1) {
      const lr = 0.1 / (1 + step);
      const feeds = feedsOf({ ...network, weights });
      const gradient = await runOnce(gradients, feeds);
      const results = await runOnce(model, {
        ...feeds,
        lr: float32({ shape: [], data: Float64Array.of(lr) }),
        ...Object.fromEntries(
          [...velocities].map(([name, value]) => [`${name}.velocity`, float32(value)]),
        ),
      });
      expect(results['loss']).toEqual(gradient['loss']);
      for (const name of names) {
        const [weight, velocity] = [
          weights.get(name)?.data ?? [],
          velocities.get(name)?.data ?? [],
        ];
        const moved = Array.from(
          velocity,
          (value, i) =>
            momentum * value +
            (gradient[`${name}_gradient`]?.[i] ?? NaN) +
            weightDecay * (weight[i] ?? NaN),
        );
        const stepped = Array.from(weight, (value, i) => value - lr * (moved[i] ?? NaN));
        expect(relativeError(results[`${name}.velocity_new`] ?? [], moved)).toBeLessThan(1e-6);
        expect(relativeError(results[`${name}_new`] ?? [], stepped)).toBeLessThan(1e-6);
      }
      weights = next(weights, results, '_new');
      velocities = next(velocities, results, '.velocity_new');
    }
  });

  it('moves running statistics by a hundredth towards those of the batch', async () => {
    const network = digitsCase(5);
    const { moments } = forward64(network.weights, network.images, network.labels);
    const results = await runStep(network, 0.1);
    expect([...moments.keys()]).toEqual(
      network.layers.flatMap(({ statistics }) => statistics.map(({ name }) => name)),
    );
    for (const [name, batch] of moments) {
      const running = network.weights.get(name)?.data ?? new Float64Array();
      const expected = running.map(
        (value, channel) => 0.99 * value + 0.01 * (batch[channel] ?? NaN),
      );
      expect(relativeError(results[`${name}_new`] ?? [], expected)).toBeLessThan(1e-6);
    }
  });

  it('takes batches of any size', async () => {
    for (const count of [1, 7]) {
      const network = digitsCase(count);
      const { loss } = forward64(network.weights, network.images, network.labels);
      expect(relativeError((await runStep(network, 0.1))['loss'] ?? [], [loss])).toBeLessThan(1e-6);
    }
  });

  it('lowers the loss of a batch that it sees again and again', async () => {
    const network = smallCase(6);
    let { weights } = network;
    const losses: number[] = [];
    for (let step = 0; step < 20; step += 1) {
      const results = await runStep({ ...network, weights }, 0.1);
      losses.push(results['loss']?.[0] ?? NaN);
      weights = next(weights, results, '_new');
    }
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] ?? NaN));
  });
});

async function runStep(network: Case, lr: number): Promise<Record<string, Float32Array>> {
  const velocities = plansOf(network.layers)
    .filter(({ name }) => !/\.running_/.test(name))
    .map(({ name }) => [`${name}.velocity`, float32(zerosLike(network.weights.get(name)))]);
  return runOnce(trainGraph(network.layers, { ...network.shapes, momentum }), {
    ...feedsOf(network),
    ...Object.fromEntries(velocities),
    lr: float32({ shape: [], data: Float64Array.of(lr) }),
  });
}

function zerosLike(tensor: Tensor64 | undefined): Tensor64 {
  if (tensor === undefined) throw new Error('The network lacks a weight.');
  return { shape: tensor.shape, data: new Float64Array(tensor.data.length) };
}

/** The tensors that a step gave, where it gave any. */
function next(
  tensors: Weights64,
  results: Readonly<Record<string, Float32Array>>,
  suffix: string,
): Weights64 {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float64Array.from(results[`${name}${suffix}`] ?? data) },
    ]),
  );
}
