// The demo on gpu.js: the same network, made of kernels.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { gpujsBackend, hostArray, type GpujsTensor } from '@polyak/backend-gpujs';
import { decodeSafetensors, encodeSafetensorsChunks } from '@polyak/safetensors';
import type { DigitNetwork, InitialWeights } from '@polyak/example-gpujs-mnist';
import { digitNetwork, digitParameters, digitStatistics } from '@polyak/example-gpujs-mnist';
import { GPU } from 'gpu.js';
import { writeWhole } from '@polyak/example-shared/write-whole';

import { orderedBatches } from '../data/batches.js';
import type { Digits } from '../data/mnist.js';
import { momentum, scoreBatchSize, statisticsBatchSize } from '../data/problem.js';
import type { Score } from '../run.js';
import { initialWeights } from '../runtime/initial-weights.js';
import type { Network, Runtime } from '../runtime/runtime.js';
import { scoreLogits } from '../runtime/score-logits.js';

/**
 * gpu.js where it runs here: on a GPU if there is a display for headless-gl, else in WebAssembly.
 */
export async function gpujsRuntime(
  note: (text: string) => void,
): Promise<Runtime<GpujsTensor, Float32Array>> {
  const mode = headlessGlWorks() ? 'headlessgl' : 'webasm';
  if (mode === 'webasm')
    note('gpu.js has no GPU here (headless-gl is not built, or there is no X display): webasm.');
  const gpu = new GPU({ mode });
  const { version } = createRequire(import.meta.url)('gpu.js/package.json') as {
    readonly version: string;
  };
  return {
    backend: await gpujsBackend(gpu),
    versions: { 'gpu.js': version },
    modelName: 'averaged-model.safetensors',
    createNetwork: async (seed, learningRate) => {
      const plans = { parameters: digitParameters, statistics: digitStatistics };
      return networkOf(
        digitNetwork(gpu, initialWeights([plans], seed), { learningRate, momentum }),
      );
    },
    async loadModel(path) {
      const network = digitNetwork(gpu, await readWeights(path), { learningRate: 0, momentum });
      return {
        score: async (digits) => scoreNetwork(network, digits),
        dispose: async () => network.dispose(),
      };
    },
  };
}

function headlessGlWorks(): boolean {
  return GPU.isHeadlessGLSupported;
}

function networkOf(network: DigitNetwork): Network<GpujsTensor, Float32Array> {
  return {
    optimizer: network.optimizer,
    minimize: async (batch) => network.minimize(batch),
    score: async (digits) => scoreNetwork(network, digits),
    batchNorm: (digits) => ({ model: network.batchNorm, loader: imageBatches(digits) }),
    save: async (path) => saveWeights(network, path),
    dispose: async () => network.dispose(),
  };
}

/** Each iteration starts anew. */
function imageBatches(digits: Digits): Iterable<Float32Array> {
  return {
    *[Symbol.iterator]() {
      for (const { images } of orderedBatches(digits, statisticsBatchSize)) yield images;
    },
  };
}

async function scoreNetwork(network: DigitNetwork, digits: Digits): Promise<Score> {
  let right = 0;
  let lossSum = 0;
  for (const batch of orderedBatches(digits, scoreBatchSize)) {
    const batchScore = scoreLogits(await network.infer(batch.images), batch);
    right += batchScore.right;
    lossSum += batchScore.lossSum;
  }
  return { accuracy: right / digits.count, loss: lossSum / digits.count };
}

async function saveWeights({ parameters, statistics }: DigitNetwork, path: string): Promise<void> {
  const tensors = await Promise.all(
    [...parameters, ...statistics].map(async (cell) => {
      const { dtype, shape } = cell.get();
      return [cell.name, { dtype, shape, data: await hostArray(cell.data()) }] as const;
    }),
  );
  await writeWhole(path, encodeSafetensorsChunks(Object.fromEntries(tensors)));
}

async function readWeights(path: string): Promise<InitialWeights> {
  const { tensors } = decodeSafetensors(await readFile(path));
  return new Map(
    Object.entries(tensors).map(([name, { data }]) => [
      name,
      Float32Array.from(data as Float32Array),
    ]),
  );
}
