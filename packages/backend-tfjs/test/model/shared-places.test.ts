// Several objects over one model, each with its own `modelParameters`: one at a time puts its
// weights into the model.
import {
  modelParameters,
  swaOptimizer,
  tfjsBackend,
  tfjsOptimizer,
  variableParameters,
} from '@polyak/backend-tfjs';
import { AveragedModel, ParameterSet, SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { exponential } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

const { layers } = tf;

function swapped(holder: string): Error {
  return expect.objectContaining({
    code: 'ERR_SWAPPED',
    message: expect.stringContaining(holder) as string,
  }) as Error;
}

function swaOf(parameters: readonly Parameter<tf.Tensor>[]): SWA<tf.Tensor> {
  const optimizer = tfjsOptimizer(tf, tf.train.sgd(0.1), parameters);
  return new SWA(optimizer, { backend: tfjsBackend(tf) });
}

function numbers(model: tf.LayersModel): number[] {
  return model.getWeights().flatMap((weight) => [...weight.dataSync()]);
}

/** Sets every weight to numbers that grow from `start`. */
function fill(model: tf.LayersModel, start: number): void {
  tf.tidy(() => {
    model.setWeights(
      model
        .getWeights()
        .map(({ shape, size }, index) =>
          tf.add(tf.reshape(tf.range(0, size), shape), start + 10 * index),
        ),
    );
  });
}

function plus(values: readonly number[], offset: number): number[] {
  return values.map((value) => value + offset);
}

function twoLayers(shared = layers.dense({ name: 'shared', units: 2 })): tf.LayersModel {
  const input = tf.input({ shape: [3] });
  const hidden = shared.apply(input);
  const output = layers.dense({ units: 1 }).apply(hidden) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
}

describe.each(RUNTIMES)('two objects over one model on %s', (runtime) => {
  useRuntime(runtime);

  it('swap a, b, a, b: b is refused while the averages of a are in the model', async () => {
    const net = twoLayers();
    const [a, b] = [swaOf(modelParameters(net)), swaOf(modelParameters(net))];
    for (const [swa, start] of [
      [a, 0],
      [b, 4],
    ] as const) {
      fill(net, start);
      await swa.updateSwa();
    }
    fill(net, 100);
    const live = numbers(net);
    const tensors = tf.memory().numTensors;
    await a.swapSwaSgd();
    await expect(b.swapSwaSgd()).rejects.toThrow(swapped('SWA.swapSwaSgd'));
    await expect(b.updateSwa()).rejects.toThrow(swapped('SWA.swapSwaSgd'));
    expect(numbers(net)).toEqual(plus(live, -100));
    await a.swapSwaSgd();
    expect(numbers(net)).toEqual(live);
    await b.swapSwaSgd();
    expect(numbers(net)).toEqual(plus(live, -96));
    await expect(a.updateSwa()).rejects.toThrow(swapped('SWA.swapSwaSgd'));
    await b.swapSwaSgd();
    expect(numbers(net)).toEqual(live);
    expect(tf.memory().numTensors).toBe(tensors);
    await Promise.all([a.dispose(), b.dispose()]);
  });

  it('take turns where each leaves its averages to be recalled', async () => {
    const net = twoLayers();
    const [a, b] = [swaOf(modelParameters(net)), swaOf(modelParameters(net))];
    fill(net, 0);
    await a.updateSwa();
    await b.updateSwa();
    fill(net, 100);
    const live = numbers(net);
    for (const swa of [a, b, a, b]) {
      await swa.swapSwaSgd({ recallable: true });
      expect(numbers(net)).toEqual(plus(live, -100));
    }
    await a.updateSwa(); // takes the averages of b out first
    expect(numbers(net)).toEqual(live);
    await a.withAveraged(() => expect(numbers(net)).toEqual(plus(live, -50)));
  });

  it('are told apart by the variables, not by names or wrappers', async () => {
    const net = twoLayers();
    fill(net, 1);
    const [kernel] = modelParameters(net);
    const own = variableParameters({ mine: kernel?.get() as tf.Variable });
    const [ema, one] = [
      new AveragedModel(() => modelParameters(net), { backend: tfjsBackend(tf) }),
      new AveragedModel(own, { backend: tfjsBackend(tf), rule: exponential(0.5) }),
    ];
    await ema.update();
    await one.update();
    await ema.withAveraged(async () => {
      await expect(one.update()).rejects.toThrow(swapped('AveragedModel.withAveraged'));
      const weights = new ParameterSet(own, { backend: tfjsBackend(tf) });
      const state = {
        mine: { dtype: 'float32', shape: [3, 2], data: new Float32Array(6) },
      } as const;
      await expect(weights.write(state)).rejects.toThrow(swapped('AveragedModel.withAveraged'));
    });
  });

  it('refuse the swaOptimizer of the model too, whose step would train the averages', async () => {
    const net = twoLayers();
    fill(net, 0.25);
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.001), { swaStart: 0, swaFreq: 1 });
    net.compile({ optimizer, loss: 'meanSquaredError' });
    const [x, y] = [tf.ones([4, 3]), tf.zeros([4, 1])];
    await net.fit(x, y, { verbose: 0 });
    const ema = new AveragedModel(modelParameters(net), { backend: tfjsBackend(tf) });
    await ema.update();
    const live = numbers(net);
    await ema.withAveraged(async () => {
      await expect(net.fit(x, y, { verbose: 0 })).rejects.toThrow(swapped('AveragedModel'));
      expect(() => optimizer.swapSwaSgd()).toThrow(swapped('AveragedModel'));
    });
    expect(numbers(net)).toEqual(live);
    optimizer.swapSwaSgd();
    await expect(ema.update()).rejects.toThrow(swapped('swapSwaSgd'));
    optimizer.swapSwaSgd();
    await ema.update();
    tf.dispose([x, y]);
  });
});

describe.each(RUNTIMES)('two models that share a layer on %s', (runtime) => {
  useRuntime(runtime);

  it('do not enter the swap of each other, and go on after it', async () => {
    const shared = layers.dense({ name: 'shared', units: 2 });
    const nets = [twoLayers(shared), twoLayers(shared)] as const;
    const [a, b] = [swaOf(modelParameters(nets[0])), swaOf(modelParameters(nets[1]))];
    fill(nets[0], 3);
    fill(nets[1], 7); // the shared layer too
    await a.updateSwa();
    await b.updateSwa();
    fill(nets[0], 20);
    const live = nets.map(numbers);
    await a.swapSwaSgd();
    await expect(b.swapSwaSgd()).rejects.toThrow(swapped('SWA.swapSwaSgd'));
    await expect(b.updateSwa()).rejects.toThrow(swapped('SWA.swapSwaSgd'));
    await a.swapSwaSgd();
    await b.swapSwaSgd();
    await expect(a.swapSwaSgd()).rejects.toThrow(swapped('SWA.swapSwaSgd'));
    expect(numbers(nets[0]).slice(0, 6)).toEqual([7, 8, 9, 10, 11, 12]);
    await b.swapSwaSgd();
    expect(nets.map(numbers)).toEqual(live);
  });
});
