// Batch-norm update of loaded models: what is read, written, left alone and released.
import { batchNormModel } from '@polyak/backend-onnx';
import { bnUpdate } from '@polyak/core';
import { halfFromFloat, halfToFloat32 } from '@polyak/core/kit';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { BATCHES, bitsOf, counted, layerAt, load, REDUCTIONS, rows } from './batch-norm-models.js';

describe.each(REDUCTIONS)('batchNormModel by %s', (reduction) => {
  it('updates the running statistics and nothing else', async () => {
    const loaded = await load();
    const before = bitsOf(loaded);
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    expect(batchNormed.layers.map(({ name, channels }) => [name, channels])).toEqual([
      ['bn1', 2],
      ['bn2', 2],
    ]);
    await bnUpdate(BATCHES, batchNormed, { statistics: 'pooled' });
    const changed = [...bitsOf(loaded)].filter(
      ([name, data]) => data.join() !== before.get(name)?.join(),
    );
    expect(changed.map(([name]) => name)).toEqual([
      'bn1.running_mean',
      'bn1.running_var',
      'bn2.running_mean',
      'bn2.running_var',
    ]);
    const { mean, variance } = await layerAt(batchNormed, 0).read();
    expect(mean[0]).toBeCloseTo(3.8, 6);
    expect(mean[1]).toBeCloseTo(6.2, 6);
    expect(variance[0]).toBeCloseTo(7.76, 5);
    expect(variance[1]).toBeCloseTo(6.16, 5);
    await batchNormed.release();
    await loaded.release();
  });

  it('is seen by the next run of the model', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    const feeds = { x: rows([1, 5]), label: rows([0, 0]) };
    const before = (await loaded.run(feeds))['y']?.data;
    await bnUpdate(BATCHES, batchNormed);
    expect((await loaded.run(feeds))['y']?.data).not.toEqual(before);
    await batchNormed.release();
    await loaded.release();
  });

  it('leaves out layers that the update does, which use their running statistics', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    const before = await layerAt(batchNormed, 0).read();
    await bnUpdate([{ x: rows([1, 5], [3, 9]) }], batchNormed, {
      statistics: 'pooled',
      include: ({ name }) => name === 'bn2',
    });
    expect(await layerAt(batchNormed, 0).read()).toEqual(before);
    // relu((x - 1) / [2, 1] * [2, 1] + [0, 1]): 0 and 2; 5 and 9.
    const { mean, variance } = await layerAt(batchNormed, 1).read();
    expect(mean[0]).toBeCloseTo(1, 4);
    expect(mean[1]).toBeCloseTo(7, 3);
    expect(variance[0]).toBeCloseTo(1, 4);
    expect(variance[1]).toBeCloseTo(4, 3);
    await batchNormed.release();
    await loaded.release();
  });

  it('leaves the model as it was where a batch fails', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    const before = bitsOf(loaded);
    const bad = { x: new ort.Tensor('float32', [1, 2, 3], [1, 3]) };
    await expect(bnUpdate([...BATCHES, bad], batchNormed)).rejects.toMatchObject({
      code: 'ERR_MODEL',
      message: expect.stringContaining('ONNX Runtime refuses the batch') as string,
    });
    expect(bitsOf(loaded)).toEqual(before);
    await batchNormed.release();
    await loaded.release();
  });

  it('forgets a batch of NaN', async () => {
    const loaded = await load();
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    const before = bitsOf(loaded);
    await expect(
      bnUpdate([{ x: rows([NaN, 1], [2, Infinity]) }], batchNormed),
    ).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    expect(bitsOf(loaded)).toEqual(before);
    await bnUpdate(BATCHES, batchNormed, { statistics: 'pooled' });
    expect((await layerAt(batchNormed, 0).read()).mean[0]).toBeCloseTo(3.8, 6);
    await batchNormed.release();
    await loaded.release();
  });

  it('repairs running statistics that are NaN', async () => {
    const loaded = await load();
    for (const name of ['bn1.running_mean', 'bn1.running_var']) {
      await loaded.initializers.get(name)?.set(new ort.Tensor('float32', [NaN, NaN], [2]));
    }
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    await bnUpdate(BATCHES, batchNormed, { statistics: 'pooled' });
    expect((await layerAt(batchNormed, 0).read()).mean[0]).toBeCloseTo(3.8, 6);
    await batchNormed.release();
    await loaded.release();
  });

  it('sees weights that were exchanged, with the session that it has', async () => {
    const { runtime, made } = counted();
    const loaded = await load('float32', runtime);
    const batchNormed = batchNormModel(runtime, loaded, { reduction });
    const [batch] = BATCHES;
    const first = [layerAt(batchNormed, 0)];
    const [one] = await batchNormed.batchMoments(batch, first);
    const sessions = made();
    await loaded.initializers.get('w')?.set(new ort.Tensor('float32', [10], []));
    const [ten] = await batchNormed.batchMoments(batch, first);
    expect([one?.mean[0], ten?.mean[0]]).toEqual([2, 20]);
    expect(made()).toBe(sessions);
    await batchNormed.release();
    await loaded.release();
  });

  it('makes one session for each set of layers, and releases all', async () => {
    const { runtime, made, alive } = counted();
    const loaded = await load('float32', runtime);
    const own = alive();
    const batchNormed = batchNormModel(runtime, loaded, { reduction });
    expect(made()).toBe(own);
    await bnUpdate(BATCHES, batchNormed);
    await bnUpdate(BATCHES, batchNormed);
    expect(made()).toBe(own + 1);
    await bnUpdate(BATCHES, batchNormed, { include: ({ name }) => name === 'bn1' });
    expect(made()).toBe(own + 2);
    const [batch] = BATCHES;
    const underWay = batchNormed.batchMoments(batch, batchNormed.layers);
    await batchNormed.release();
    await expect(underWay).resolves.toHaveLength(2);
    expect(alive()).toBe(own);
    await expect(batchNormed.batchMoments(batch, batchNormed.layers)).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
    });
    await batchNormed.release();
    await loaded.release();
  });

  it.each(['float64', 'float16'] as const)('reads and writes statistics of %s', async (dtype) => {
    const loaded = await load(dtype);
    const batchNormed = batchNormModel(ort, loaded, { reduction });
    const values = [1, 5, 3, 10];
    const data =
      dtype === 'float16'
        ? halfFromFloat('float16', Float64Array.from(values))
        : Float64Array.from(values);
    const x = new ort.Tensor(dtype as 'float64', data as Float64Array, [2, 2]);
    await bnUpdate([{ x }], batchNormed, { statistics: 'pooled' });
    const { mean, variance } = await layerAt(batchNormed, 0).read();
    expect([...mean, ...variance]).toEqual([2, 7.5, 1, 6.25]);
    const cell = loaded.initializers.get('bn1.running_var')?.get();
    expect(cell?.type).toBe(dtype);
    const raw = cell?.data as Uint16Array;
    const bits = new Uint16Array(raw.buffer, raw.byteOffset, 2);
    expect(dtype === 'float16' ? [...halfToFloat32('float16', bits)] : [...raw]).toEqual([1, 6.25]);
    await batchNormed.release();
    await loaded.release();
  });
});
