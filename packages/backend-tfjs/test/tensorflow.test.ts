// The real TensorFlow, as users of loadTensorFlow have it: one copy of tfjs, from load to save.
// What every backend must do runs on it in the other tests.
import {
  batchNormModel,
  loadTensorFlow,
  modelParameters,
  swaCallback,
  tfjsBackend,
} from '@polyak/backend-tfjs';
import { bnUpdate } from '@polyak/core';
import * as projectTf from '@tensorflow/tfjs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTensorFlow } from '../../../tests/support/tfjs/runtimes.js';

if (!hasTensorFlow)
  console.warn('Skipped: tensorflow is not built here: npx -y pnpm@12 tensorflow:native');

describe.skipIf(!hasTensorFlow)('TensorFlow', () => {
  it('is what loadTensorFlow takes first', async () => {
    const { tf, backend, name, skipped } = await loadTensorFlow();
    expect([backend, name, skipped]).toEqual(['tfjs-node-gpu', 'tfjs:tensorflow', []]);
    const { binding } = tf.backend() as unknown as {
      readonly binding: { readonly TF_Version: string };
    };
    expect(binding.TF_Version).toMatch(/^2\./u);
    // One copy of tfjs: what this file imports is what runs.
    expect(tf.Tensor).toBe(projectTf.Tensor);
    expect(tf.Sequential).toBe(projectTf.Sequential);
  });

  it('takes numbers below 2^-126 for zero, as TensorFlow does, and rounds others', async () => {
    const { tf } = await loadTensorFlow();
    const backend = tfjsBackend(tf);
    const tiny = (seed: number): Float32Array =>
      Float32Array.from({ length: 10_007 }, (_, i) => Math.sin(i * seed) * 10 ** (-34 - (i % 8)));
    const [average, live] = [tiny(1), tiny(1.3)];
    const handles = backend.upload(
      [average, live].map((data) => ({ dtype: 'float32', shape: [data.length], data })),
    );
    const [start, target] = handles;
    if (start === undefined || target === undefined) throw new Error('nothing uploaded');
    await backend.average([{ average: start, live: target, weight: 1 / 3 }]);
    const [found] = await backend.download([start]);
    const normal = (x: number): number => (Math.abs(x) < 2 ** -126 ? 0 : Math.fround(x));
    const expected = average.map((a, i) => {
      const [from, to] = [normal(a), normal(live[i] ?? NaN)];
      return normal(from + normal(normal(to - from) * Math.fround(1 / 3)));
    });
    // Adding 0 makes -0 to 0: which of them a flushed number becomes is not promised.
    expect([...(found?.data ?? [])].map((x) => Number(x) + 0)).toEqual(
      Array.from(expected, (x) => x + 0),
    );
    expect(expected.filter((x) => x === 0).length).toBeGreaterThan(1000);
    backend.dispose(handles);
  });

  it('trains convolutions and batch norm in fit, averages, saves and reads averages', async () => {
    const { tf } = await loadTensorFlow();
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 1], name: 'conv' }),
        tf.layers.batchNormalization({ name: 'bn' }),
        tf.layers.reLU(),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1, name: 'head' }),
      ],
    });
    model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss: 'meanSquaredError' });
    const x = tf.randomNormal([32, 8, 8, 1], 0, 1, 'float32', 1);
    const y = tf.mean(x, [1, 2]);
    const visited: Float32Array[][] = [];
    const weights = (): Float32Array[] =>
      modelParameters(model).map((parameter) => parameter.get().dataSync<'float32'>());
    const callbacks = swaCallback(tf, model, {
      swaStart: 2,
      swaFreq: 1,
      swaLr: 0.01,
      unit: 'epoch',
      loader: [x],
    });
    const recorder = {
      onEpochEnd: async (epoch: number) => void (epoch >= 2 && visited.push(weights())),
    };
    await model.fit(x, y, {
      epochs: 6,
      batchSize: 8,
      verbose: 0,
      callbacks: [recorder, callbacks],
    });

    expect(tfjsBackend(tf).name).toBe('tfjs:tensorflow');
    expect(visited.length).toBe(4);
    weights().forEach((tensor, index) => {
      tensor.forEach((value, i) => {
        const mean =
          visited.reduce((sum, rows) => sum + (rows[index]?.[i] ?? NaN), 0) / visited.length;
        expect(Math.abs(value - mean)).toBeLessThan(1e-6);
      });
    });

    const folder = mkdtempSync(join(tmpdir(), 'polyak-'));
    await model.save(`file://${folder}`);
    const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
    expect([...(loaded.predict(x) as typeof x).dataSync()]).toEqual([
      ...(model.predict(x) as typeof x).dataSync(),
    ]);
    rmSync(folder, { recursive: true });

    await bnUpdate([x], batchNormModel(tf, model));
  });
});
