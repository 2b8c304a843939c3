// What is averaged inside brain.js, against float64.
import { cpuBackend } from '@polyak/backend-cpu';
import { gpujsBackend } from '@polyak/backend-gpujs';
import { SWA } from '@polyak/core';
import { NeuralNetwork, NeuralNetworkGPU } from 'brain.js';
import { describe, expect, it, vi } from 'vitest';

import { declareEmbedding, declareOptimizerState } from '../../../tests/support/embedding.js';
import { isSkipped } from '../../../tests/support/gpujs/modes.js';
import { textureParameters } from '../src/brain-gpu-swa.js';
import { brainOptimizer, hostParameters } from '../src/brain-swa.js';
import { makeNetwork } from '../src/network.js';

const xor = [
  { input: [0, 0], output: [0] },
  { input: [0, 1], output: [1] },
  { input: [1, 0], output: [1] },
  { input: [1, 1], output: [0] },
];
const options = { hiddenLayers: [5], learningRate: 0.5, momentum: 0.5 };
const epochs = 40;
const swaStart = 15;

describe('the network', () => {
  declareEmbedding(makeNetwork);
  declareOptimizerState(makeNetwork);
});

describe('NeuralNetwork', () => {
  it('gets the mean of its weights, and its own back', async () => {
    const net = new NeuralNetwork<number[], number[]>(options);
    const { preparedData } = net.prepTraining(xor);
    const backend = cpuBackend();
    const swa = new SWA(brainOptimizer(net, hostParameters(net)), {
      backend,
      swaStart,
      swaFreq: 1,
    });
    const seen: number[][] = [];
    for (let epoch = 1; epoch <= epochs; epoch += 1) {
      await swa.step(() => net.trainPatterns(preparedData));
      if (epoch > swaStart) seen.push(hostWeights(net));
    }
    const live = hostWeights(net);
    await swa.swapSwaSgd();
    expectMean(hostWeights(net), seen);
    expect(net.run([0, 1])[0]).toBeCloseTo(forward(net.toJSON().layers, [0, 1]), 6);
    await swa.swapSwaSgd();
    expect(hostWeights(net)).toEqual(live);
    await swa.dispose();
  });

  it('takes the learning rate of averaging', async () => {
    const net = new NeuralNetwork<number[], number[]>(options);
    const { preparedData } = net.prepTraining(xor);
    const swa = new SWA(brainOptimizer(net, hostParameters(net)), {
      backend: cpuBackend(),
      swaStart: 2,
      swaFreq: 1,
      swaLr: 0.125,
    });
    const rates: number[] = [];
    for (let epoch = 0; epoch < 4; epoch += 1) {
      await swa.step(() => {
        rates.push(net.trainOpts.learningRate);
        net.trainPatterns(preparedData);
      });
    }
    expect(rates).toEqual([0.5, 0.5, 0.125, 0.125]);
    await swa.dispose();
  });

  it('is refused before it has weights', () => {
    expect(() => hostParameters(new NeuralNetwork(options))).toThrow(
      'call its prepTraining(data) first',
    );
  });
});

describe.skipIf(isSkipped('headlessgl'))('NeuralNetworkGPU on headlessgl', () => {
  it('gets the mean of its textures without reading them, and its own back', async () => {
    const net = new NeuralNetworkGPU<number[], number[]>({ ...options, mode: 'gpu' });
    const { preparedData } = net.prepTraining(xor);
    train(net, preparedData);
    const parameters = textureParameters(net);
    const backend = await gpujsBackend(net.gpu);
    expect(backend.name).toBe('gpujs:headlessgl');
    expect(textureParameters(net).map(({ identity }) => identity)).toEqual(
      parameters.map(({ identity }) => identity),
    );
    const swa = new SWA(brainOptimizer(net, parameters), { backend });
    const seen: number[][] = [];
    for (let epoch = 1; epoch <= epochs; epoch += 1) {
      train(net, preparedData);
      if (epoch <= swaStart) continue;
      seen.push(gpuWeights(net));
      const reads = countReads(net);
      await swa.updateSwa();
      expect(reads()).toBe(0);
    }
    // The first swap reads back what it has put there.
    await swa.withAveraged(() => {});
    const live = gpuWeights(net);
    const reads = countReads(net);
    await swa.swapSwaSgd();
    expect(reads()).toBe(0);
    expectMean(gpuWeights(net), seen);
    expect(net.run([0, 1])[0]).toBeCloseTo(forward(net.toJSON().layers, [0, 1]), 5);
    await swa.swapSwaSgd();
    expect(gpuWeights(net)).toEqual(live);
    train(net, preparedData); // and it goes on
    expect(gpuWeights(net)).not.toEqual(live);
    await swa.dispose();
    await backend.release();
    await net.gpu.destroy();
  });

  it('is refused before its weights are textures', () => {
    const net = new NeuralNetworkGPU<number[], number[]>({ ...options, mode: 'gpu' });
    net.prepTraining(xor);
    expect(() => textureParameters(net)).toThrow(
      '"layer1.weights" is no texture: train one step first',
    );
  });
});

/** One pass over the data. `trainPatterns` does the same, but is typed for arrays. */
function train(
  net: NeuralNetworkGPU<number[], number[]>,
  data: readonly Parameters<typeof net.trainPattern>[0][],
): void {
  for (const each of data) net.trainPattern(each);
}

function hostWeights(net: NeuralNetwork<number[], number[]>): number[] {
  return [1, 2].flatMap((layer) => [
    ...(net.weights[layer] ?? []).flatMap((weights) => [...weights]),
    ...(net.biases[layer] ?? []),
  ]);
}

function gpuWeights(net: NeuralNetworkGPU<number[], number[]>): number[] {
  return net
    .toJSON()
    .layers.flatMap(({ weights, biases }, layer) =>
      layer === 0 ? [] : [...weights.flat(), ...biases],
    );
}

/** How often textures of the classes that the network has are read. */
function countReads(net: NeuralNetworkGPU<number[], number[]>): () => number {
  const textures = [...net.weights, ...net.biases].filter((each) => each !== undefined);
  const classes = new Set(textures.map((each): unknown => Object.getPrototypeOf(each)));
  const spies = [...classes].map((each) => vi.spyOn(each as { toArray(): unknown }, 'toArray'));
  return () => {
    const reads = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    return reads;
  };
}

/** Within an ulp of float32 of the greatest, for each update. */
function expectMean(found: readonly number[], seen: readonly (readonly number[])[]): void {
  expect(seen).toHaveLength(epochs - swaStart);
  const mean = found.map(
    (_, n) => seen.reduce((sum, weights) => sum + (weights[n] ?? NaN), 0) / seen.length,
  );
  const size = Math.max(...mean.map(Math.abs));
  const last = seen.at(-1) ?? [];
  expect(Math.max(...mean.map((value, n) => Math.abs(value - (last[n] ?? NaN))))).toBeGreaterThan(
    1e-3 * size,
  );
  for (const [n, value] of found.entries())
    expect(Math.abs(value - (mean[n] ?? NaN))).toBeLessThan(1e-6 * size);
}

/** The network in float64. */
function forward(
  layers: readonly { readonly weights: number[][]; readonly biases: number[] }[],
  input: readonly number[],
): number {
  const output = layers.slice(1).reduce<readonly number[]>(
    (x, { weights, biases }) =>
      weights.map((row, neuron) => {
        const sum = row.reduce(
          (total, weight, n) => total + weight * (x[n] ?? NaN),
          biases[neuron] ?? NaN,
        );
        return 1 / (1 + Math.exp(-sum));
      }),
    input,
  );
  return output[0] ?? NaN;
}
