// The batches that a batch-norm model takes, its options, and what it refuses.
import type { OnnxBatch } from '@polyak/backend-onnx';
import { batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
import { bnUpdate } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Create } from './batch-norm-models.js';
import { batchNorm, BATCHES, layerAt, load, rows, runtimeWith } from './batch-norm-models.js';
import { model, modelBytes, tensor, value } from '../model-builder.js';

describe('batchNormModel', () => {
  it('takes feeds and lists that start with feeds, and ignores superfluous inputs', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded);
    const x = rows([1, 5], [3, 9]);
    for (const batch of [{ x }, { x, label: x, other: x }, [{ x }, 'target']] as const) {
      const [found] = await batchNormed.batchMoments(batch, batchNormed.layers);
      expect([...(found?.mean ?? [])]).toEqual([2, 7]);
      expect(batchNormed.sampleCount(batch)).toBe(2);
    }
    await batchNormed.release();
    await loaded.release();
  });

  it('takes a tensor, or a list that starts with one, for a model of one input', async () => {
    const names = ['bn.scale', 'bn.bias', 'bn.running_mean', 'bn.running_var'];
    const file = model({
      nodes: [batchNorm('bn', 'x', 'y')],
      initializers: names.map((name) => tensor(name, [2], [1, 1])),
      inputs: [value('x', ['n', 2])],
      outputs: [value('y', ['n', 2])],
    });
    const loaded = await loadOnnxModel(ort, modelBytes(file));
    const batchNormed = batchNormModel(ort, loaded);
    const x = rows([1, 5], [3, 9], [5, 1]);
    for (const batch of [x, [x, x]] as const) {
      const [found] = await batchNormed.batchMoments(batch, batchNormed.layers);
      expect([...(found?.mean ?? [])]).toEqual([3, 5]);
      expect(batchNormed.sampleCount(batch)).toBe(3);
    }
    await batchNormed.release();
    await loaded.release();
  });

  it('refuses batches that it cannot feed, and says what it needs', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded);
    const { layers } = batchNormed;
    const x = rows([1, 5]);
    await expect(batchNormed.batchMoments(x, layers)).rejects.toThrow(
      'The batch is a tensor, but the model has the inputs [x, label]. Pass a record of tensors ' +
        'by name.',
    );
    await expect(batchNormed.batchMoments({ label: x }, layers)).rejects.toThrow(
      'the batch has no tensor for the model\'s input "x"',
    );
    await expect(batchNormed.batchMoments(5 as unknown as OnnxBatch, layers)).rejects.toThrow(
      TypeError,
    );
    await expect(batchNormed.batchMoments([null] as unknown as OnnxBatch, layers)).rejects.toThrow(
      TypeError,
    );
    expect(() => batchNormed.sampleCount({ x: new ort.Tensor('float32', [1], []) })).toThrow(
      /option sampleCount/,
    );
    x.dispose();
    await expect(batchNormed.batchMoments({ x }, layers)).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
    });
    await batchNormed.release();
    await loaded.release();
  });

  it('counts samples by the option sampleCount', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded, { sampleCount: () => 7 });
    expect(batchNormed.sampleCount(BATCHES[0])).toBe(7);
    await loaded.release();
  });

  it('keeps unbiased variances, or population variances by option', async () => {
    const loaded = await load();
    const found = [];
    for (const varianceKind of ['unbiased', 'population'] as const) {
      const batchNormed = batchNormModel(ort, loaded, { varianceKind });
      await bnUpdate([BATCHES[0]], batchNormed);
      found.push((await layerAt(batchNormed, 0).read()).variance[0]);
      await batchNormed.release();
    }
    expect(found).toEqual([2, 1]);
    await loaded.release();
  });

  it('refuses statistics of another length, and layers of another model', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded);
    const one = Float64Array.of(1);
    await expect(layerAt(batchNormed, 0).write({ mean: one, variance: one })).rejects.toMatchObject(
      {
        code: 'ERR_BATCH_NORM',
        message: '"bn1" has 2 channels, found 1 means and 1 variances.',
      },
    );
    const other = batchNormModel(ort, loaded);
    await expect(batchNormed.batchMoments({}, other.layers)).rejects.toThrow(
      '"bn1" is not one of this model\'s layers',
    );
    await loaded.release();
  });

  it('refuses training mode on webgpu', async () => {
    const loaded = await load();
    expect(() =>
      batchNormModel(ort, loaded, { reduction: 'training-mode', executionProviders: ['webgpu'] }),
    ).toThrow(/webgpu has no batch norm in training mode. Use the reduction "reduce-mean"/);
    await loaded.release();
  });

  it('reports a session that ONNX Runtime cannot make, and tries again the next pass', async () => {
    const loaded = await load();
    let isBroken = true;
    const create: Create = async (...args) => {
      if (isBroken) throw new Error('no such kernel');
      return ort.InferenceSession.create(...args);
    };
    const batchNormed = batchNormModel(runtimeWith(create), loaded);
    const [batch] = BATCHES;
    await expect(batchNormed.batchMoments(batch, batchNormed.layers)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message:
        'batchMoments: ONNX Runtime cannot run batch norm by reduce-mean on [cpu]: no such kernel',
    });
    isBroken = false;
    await expect(batchNormed.batchMoments(batch, batchNormed.layers)).resolves.toHaveLength(2);
    await batchNormed.release();
    await loaded.release();
  });
});
