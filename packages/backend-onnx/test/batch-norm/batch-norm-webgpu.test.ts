// Batch-norm update on the webgpu provider: on a GPU, or on the software adapter of Debian's
// chromium with libvulkan1. POLYAK_REQUIRE_WEBGPU=1 makes the absence of an adapter a failure.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { batchNormModel, loadOnnxModel, onnxBackend } from '@polyak/backend-onnx';
import { bnUpdate } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';
import { errorOf, momentsIn, normals, volumeOf } from './moments-reference.js';
import { expectAgreement, FIXTURES } from './torch-agreement.js';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
// Vulkan's loader reads it when the first session is made. Each test file has a process of its own.
if (existsSync(SWIFTSHADER)) process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER;

const executionProviders = ['webgpu'] as const;
const reason = await onnxBackend(ort, { executionProviders }).then(
  async (backend) => backend.release(),
  (error: Error) => error.message,
);
const isRequired = process.env['POLYAK_REQUIRE_WEBGPU'] === '1';
if (reason !== undefined) console.warn(`Skipped: ${reason}`);

/** One layer over `dims`, named `bn`. */
function oneLayer(dims: readonly number[]): Uint8Array {
  const names = ['scale', 'bias', 'running_mean', 'running_var'].map((key) => `bn.${key}`);
  const channels = dims[1] ?? 0;
  const space = dims.map((_, axis) => `d${axis}`);
  return modelBytes(
    model({
      nodes: [node('BatchNormalization', ['x', ...names], ['y'])],
      initializers: names.map((name) =>
        tensor(
          name,
          [channels],
          Array.from({ length: channels }, () => 1),
        ),
      ),
      inputs: [value('x', space)],
      outputs: [value('y', space)],
    }),
  );
}

it.runIf(isRequired || reason === undefined)('has a WebGPU adapter', () => {
  expect(reason).toBeUndefined();
});

describe.skipIf(reason !== undefined)('batch norm on webgpu', () => {
  it.each(FIXTURES)('gives what update_bn, torchcontrib and float64 give: %s', async (name) => {
    await expectAgreement(name, { reduction: 'reduce-mean', provider: 'webgpu' });
  });

  it.each([
    ['images', [8, 3, 64, 64]],
    ['rows', [20_000, 3]],
    ['a sequence', [2, 3, 30_000]],
  ])('agrees with float64 for %s with a mean of 100', async (_, dims) => {
    const loaded = await loadOnnxModel(ort, oneLayer(dims), { executionProviders });
    const batchNorm = batchNormModel(ort, loaded, { executionProviders });
    const data = normals(
      dims.reduce((a, b) => a * b, 1),
      1,
      100,
    );
    const [found] = await batchNorm.batchMoments(
      new ort.Tensor('float32', data, [...dims]),
      batchNorm.layers,
    );
    expect(errorOf(found, momentsIn(volumeOf(data, dims)), true)).toBeLessThan(1e-5);
    await batchNorm.release();
    await loaded.release();
  });

  it('updates statistics that lie on the device', async () => {
    const backend = await onnxBackend(ort, { executionProviders });
    const loaded = await loadOnnxModel(ort, oneLayer([2, 1]), { executionProviders, backend });
    const batchNorm = batchNormModel(ort, loaded, { executionProviders, backend });
    const tensors = backend.memory().tensors;
    const batches = [
      new ort.Tensor('float32', [1, 5], [2, 1]),
      new ort.Tensor('float32', [3, 7], [2, 1]),
    ];
    await bnUpdate(batches, batchNorm, { statistics: 'pooled' });
    const { mean, variance } = await (batchNorm.layers[0] as (typeof batchNorm.layers)[0]).read();
    expect([mean[0], variance[0]]).toEqual([4, 5]);
    expect(loaded.initializers.get('bn.running_mean')?.get().location).toBe('gpu-buffer');
    expect(backend.memory().tensors).toBe(tensors);
    await batchNorm.release();
    await loaded.release();
    await backend.release();
  });
});
