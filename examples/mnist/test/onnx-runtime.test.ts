import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bnUpdate, fromSafetensors, SWA, toSafetensors } from '@polyak/core';
import { describe, expect, it } from 'vitest';

import { orderedBatches } from '../src/data/batches.js';
import { type Digits, readMnist } from '../src/data/mnist.js';
import { onnxRuntime } from '../src/onnx/runtime.js';

const test = first(await readMnist('test'), 1000);
const train = first(await readMnist('train'), 640);

function first({ images, labels }: Digits, count: number): Digits {
  return { images: images.subarray(0, count * 784), labels: labels.subarray(0, count), count };
}

describe('onnxRuntime', () => {
  it('learns, averages, updates batch norm, saves, and reads the same when loaded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-'));
    const runtime = await onnxRuntime();
    expect(runtime.backend.name).toBe('onnx:cpu');
    const network = await runtime.createNetwork(1, 0.1);
    const swa = new SWA(network.optimizer, { backend: runtime.backend, swaStart: 10, swaFreq: 1 });

    const losses: number[] = [];
    for (let epoch = 0; epoch < 4; epoch += 1) {
      for (const batch of orderedBatches(train, 128)) {
        losses.push((await swa.step(async () => network.minimize(batch))) ?? NaN);
      }
    }
    expect(losses).toHaveLength(20);
    expect(losses.at(-1)).toBeLessThan(0.3 * (losses[0] ?? NaN));

    const state = toSafetensors(await swa.stateDict());
    const live = await network.score(test);
    await swa.swapSwaSgd();
    const oldStatistics = await network.score(test);
    const { loader, model } = network.batchNorm(train);
    await bnUpdate(loader, model);
    const averaged = await network.score(test);
    // In 20 steps the running statistics have come a fifth of the way only.
    expect(averaged.accuracy).toBeGreaterThan(Math.max(live.accuracy, oldStatistics.accuracy));
    expect(averaged.accuracy).toBeGreaterThan(0.6);

    const path = join(folder, runtime.modelName);
    await network.save(path);
    await network.dispose();
    const saved = await runtime.loadModel(path);
    expect(await saved.score(test)).toEqual(averaged);
    await saved.dispose();

    const other = await runtime.createNetwork(2, 1);
    const resumed = new SWA(other.optimizer, {
      backend: runtime.backend,
      swaStart: 10,
      swaFreq: 1,
    });
    await resumed.loadStateDict(fromSafetensors(state));
    await resumed.swapSwaSgd();
    const batchNorm = other.batchNorm(train);
    await bnUpdate(batchNorm.loader, batchNorm.model);
    expect(await other.score(test)).toEqual(averaged);
    await other.dispose();
    await rm(folder, { recursive: true });
  });

  it('starts from the same weights for the same seed, and scores without a trace', async () => {
    const runtime = await onnxRuntime();
    const scores = [];
    for (const seed of [5, 5, 6]) {
      const network = await runtime.createNetwork(seed, 0.1);
      scores.push(await network.score(test));
      expect(await network.score(test)).toEqual(scores.at(-1));
      await network.dispose();
    }
    expect(scores[1]).toEqual(scores[0]);
    expect(scores[2]).not.toEqual(scores[0]);
  });
});
