import { onnxBackend } from '@polyak/backend-onnx';
import { AveragedModel, PolyakError } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

import { trainStepGraph } from './train-step-graph.js';

import { open, cell, batches, tensorOf, numbers, stateOf, refusal, start } from './opened.js';

describe('trainStepOptimizer refuses', () => {
  it.each([
    ['a graph without learning rate', { rename: { lr: 'eta' } }, {}, 'no input "lr"'],
    ['a graph without loss', { rename: { loss: 'cost' } }, {}, 'no output "loss"'],
    [
      'weights that are initializers',
      { isEmbedded: true },
      {},
      'no input "weight" (make an initializer',
    ],
    [
      'weights that never change',
      { omit: ['weight_new'] },
      {},
      'no output "weight_new" gives the new "weight"',
    ],
    [
      'a cell of another shape',
      {},
      { parameters: [cell('weight', [1, 2, 3])] },
      '"weight" is float32[3], the graph takes float32[2]',
    ],
    [
      'a cell that the graph does not know',
      {},
      { state: [cell('other', [1])] },
      'no input "other"',
    ],
    [
      'two cells of one name',
      {},
      { state: [cell('weight', [1, 2])] },
      'two cells are named "weight"',
    ],
    [
      'state whose size is not known',
      { shapes: { velocity: ['k'] } },
      {},
      '"velocity" is float32[k]: pass what it starts from',
    ],
  ])('%s', async (_, changes, options, message) => {
    const error = await refusal(open(options, trainStepGraph(changes)));
    expect(error).toMatchObject({ code: 'ERR_PARAMETERS' });
    expect(String(error)).toContain(message);
  });

  it('a graph that does not fit with every difference', async () => {
    const graph = trainStepGraph({ rename: { lr: 'eta', loss: 'cost' }, omit: ['weight_new'] });
    const error = await refusal(open({}, graph));
    for (const part of ['"lr"', '"loss"', '"weight_new"', 'Inputs: eta, weight', 'Outputs: cost']) {
      expect(String(error)).toContain(part);
    }
  });

  it.each([Number.NaN, -0.1, Infinity])('the learning rate %d', async (lr) => {
    expect(await refusal(open({ lr }))).toBeInstanceOf(RangeError);
    const optimizer = await open();
    for (const group of optimizer.paramGroups) group.lr = lr;
    expect(await refusal(optimizer.minimize(batches()().feeds))).toBeInstanceOf(RangeError);
    expect(numbers(tensorOf(optimizer))).toEqual(start);
  });

  it('a batch that lacks a tensor or has an unknown one', async () => {
    const optimizer = await open();
    const { x, ...rest } = batches()().feeds;
    expect(String(await refusal(optimizer.minimize(rest)))).toBe(
      'TypeError: minimize: the batch holds [y], expected [x, y].',
    );
    const weight = x;
    expect(String(await refusal(optimizer.minimize({ x, ...rest, weight } as never)))).toContain(
      '[x, y, weight]',
    );
  });

  it('a tensor on a GPU, before ONNX Runtime sees it', async () => {
    const optimizer = await open();
    const { feeds } = batches()();
    const x = ort.Tensor.fromGpuBuffer({} as never, { dataType: 'float32', dims: [8, 2] });
    expect(await refusal(optimizer.minimize({ ...feeds, x }))).toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
    await optimizer.minimize(feeds);
  });

  it('a second step while one is under way, and another group', async () => {
    const optimizer = await open();
    const next = batches();
    const first = optimizer.minimize(next().feeds);
    expect(await refusal(optimizer.minimize(next().feeds))).toMatchObject({ code: 'ERR_BUSY' });
    await first;
    await optimizer.minimize(next().feeds);
    expect(() => optimizer.addParamGroup({ params: [], lr: 1 })).toThrow(PolyakError);
  });

  it('a step while averages are in the cells, which would be lost with them', async () => {
    const optimizer = await open();
    const [weight] = optimizer.paramGroups[0]?.params ?? [];
    if (weight === undefined) throw new Error('no parameter');
    const ema = new AveragedModel([weight], { backend: await onnxBackend(ort) });
    await ema.update();
    const { feeds } = batches()();
    const message = 'minimize: the model holds the weights that AveragedModel.withAveraged has put';
    await ema.withAveraged(async () => {
      expect(String(await refusal(optimizer.minimize(feeds)))).toContain(message);
    });
    await ema.swap({ recallable: true });
    expect(await refusal(optimizer.minimize(feeds))).toMatchObject({ code: 'ERR_SWAPPED' });
    await ema.swap();
    await optimizer.minimize(feeds);
    await ema.dispose();
  });

  it('steps after release, which can be called again', async () => {
    const optimizer = await open();
    await optimizer.release();
    await optimizer.release();
    expect(await refusal(optimizer.minimize(batches()().feeds))).toMatchObject({
      code: 'ERR_DISPOSED',
    });
    expect(numbers(tensorOf(optimizer))).toEqual(start);
  });

  it('nothing of what follows a batch that ONNX Runtime refused, and has not moved', async () => {
    const optimizer = await open({ session: { logSeverityLevel: 4 } });
    const { feeds } = batches()();
    const y = new ort.Tensor('float32', [1, 2, 3], [3]);
    expect(await refusal(optimizer.minimize({ ...feeds, y }))).toBeInstanceOf(Error);
    expect(numbers(tensorOf(optimizer))).toEqual(start);
    expect(await stateOf(optimizer)).toMatchObject({ steps: { data: BigInt64Array.of(0n) } });
    await optimizer.minimize(feeds);
  });

  it('a state that does not fit with every difference, and stays as it was', async () => {
    const optimizer = await open();
    await optimizer.minimize(batches()().feeds);
    const before = await optimizer.stateDict();
    const state = {
      lr: Number.NaN,
      state: { velocity: { dtype: 'float32', shape: [3], data: new Float32Array(3) }, extra: 1 },
    } as const;
    const error = await refusal(Promise.resolve(optimizer.loadStateDict(state)));
    expect(error).toMatchObject({ code: 'ERR_STATE' });
    for (const part of [
      '"lr"',
      'the graph has no "extra"',
      '"velocity" is float32[3]',
      'it lacks "steps"',
    ]) {
      expect(String(error)).toContain(part);
    }
    expect(await optimizer.stateDict()).toEqual(before);
  });
});
