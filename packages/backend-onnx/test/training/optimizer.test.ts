import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onnxBackend, onnxParameter, trainStepOptimizer } from '@polyak/backend-onnx';
import type { TrainStepOptimizer, TrainStepOptions } from '@polyak/backend-onnx';
import type { StateTree } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { fromSafetensors, PolyakError, SWA, toSafetensors } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, it } from 'vitest';

import { step64, trainStepGraph } from './train-step-graph.js';
import type { State64 } from './train-step-graph.js';

const opened: TrainStepOptimizer[] = [];

afterEach(async () => {
  for (const optimizer of opened.splice(0)) await optimizer.release();
});

const start = [0.5, -1];

async function open(
  options: Partial<TrainStepOptions> = {},
  graph: string | Uint8Array = trainStepGraph(),
): Promise<TrainStepOptimizer> {
  const parameters = [cell('weight', start)];
  const optimizer = await trainStepOptimizer(ort, graph, { parameters, lr: 0.1, ...options });
  opened.push(optimizer);
  return optimizer;
}

function cell(name: string, values: readonly number[]): Parameter<ort.Tensor> {
  return onnxParameter(name, new ort.Tensor('float32', [...values], [values.length]));
}

interface Batch {
  readonly x: readonly number[][];
  readonly y: readonly number[];
  readonly feeds: Readonly<Record<string, ort.Tensor>>;
}

/** Eight points of y = 2 a - 3 b + 0.1, others at each call. */
function batches(): () => Batch {
  let drawn = 0;
  const next = (): number => Math.fround(Math.sin((drawn += 1)));
  return () => {
    const x = Array.from({ length: 8 }, () => [next(), next()]);
    const y = x.map(([a = 0, b = 0]) => Math.fround(2 * a - 3 * b + 0.1));
    const feeds = {
      x: new ort.Tensor('float32', x.flat(), [8, 2]),
      y: new ort.Tensor('float32', y, [8]),
    };
    return { x, y, feeds };
  };
}

function tensorOf(optimizer: TrainStepOptimizer): ort.Tensor {
  const tensor = optimizer.paramGroups[0]?.params[0]?.get();
  if (tensor === undefined) throw new Error('The optimizer has no parameter.');
  return tensor;
}

const numbers = ({ data }: ort.Tensor): readonly number[] => [...(data as Float32Array)];
const stateOf = async (
  optimizer: TrainStepOptimizer,
): Promise<Readonly<Record<string, StateTree>>> =>
  recordOf(recordOf(await optimizer.stateDict())['state']);

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, index) => expect(value).toBeCloseTo(expected[index] ?? Number.NaN, 5));
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'nothing was refused',
    (error: unknown) => error,
  );
}

describe('trainStepOptimizer', () => {
  it("takes SGD steps with momentum and weight decay, at the group's learning rate", async () => {
    const optimizer = await open();
    const next = batches();
    const expected: State64 = { weight: start, velocity: [0, 0] };
    for (let step = 0; step < 30; step += 1) {
      const lr = 0.1 / (1 + step);
      for (const group of optimizer.paramGroups) group.lr = lr;
      const { x, y, feeds } = next();
      expect(await optimizer.minimize(feeds)).toBeCloseTo(step64(expected, x, y, lr), 5);
      expectClose(numbers(tensorOf(optimizer)), expected.weight);
    }
  });

  it('makes cells that start from zeros for what lives on without being trained', async () => {
    const optimizer = await open();
    expect(Object.keys(await stateOf(optimizer))).toEqual(['velocity', 'steps']);
    expect(await stateOf(optimizer)).toMatchObject({ steps: { data: BigInt64Array.of(0n) } });
    const next = batches();
    for (let step = 0; step < 3; step += 1) await optimizer.minimize(next().feeds);
    expect(await stateOf(optimizer)).toMatchObject({
      steps: { dtype: 'int64', data: BigInt64Array.of(3n) },
    });
  });

  it('shares the cells of the state that it is given', async () => {
    const velocity = cell('velocity', [1, 2]);
    const optimizer = await open({ state: [velocity] });
    const expected: State64 = { weight: start, velocity: [1, 2] };
    const { x, y, feeds } = batches()();
    await optimizer.minimize(feeds);
    step64(expected, x, y, 0.1);
    expectClose(numbers(velocity.get()), expected.velocity);
  });

  it('knows what each batch has to bring', async () => {
    expect((await open()).feedNames).toEqual(['x', 'y']);
  });

  it('takes other names', async () => {
    const rename = {
      lr: 'eta',
      loss: 'cost',
      weight_new: 'next/weight',
      velocity_new: 'next/velocity',
    };
    const options = {
      lrInput: 'eta',
      lossOutput: 'cost',
      newName: (name: string) => `next/${name}`,
    };
    const [plain, renamed] = [await open(), await open(options, trainStepGraph({ rename }))];
    const { feeds } = batches()();
    // "steps" goes in and "steps_new" comes out, which is not its new name here.
    expect(renamed.feedNames).toEqual(['steps', 'x', 'y']);
    const steps = new ort.Tensor('int64', [0n], []);
    expect(await renamed.minimize({ ...feeds, steps })).toBe(await plain.minimize(feeds));
    expect(numbers(tensorOf(renamed))).toEqual(numbers(tensorOf(plain)));
  });

  it('takes a learning rate that is a list of one', async () => {
    const [plain, shaped] = [await open(), await open({}, trainStepGraph({ shapes: { lr: [1] } }))];
    const { feeds } = batches()();
    expect(await shaped.minimize(feeds)).toBe(await plain.minimize(feeds));
  });

  it('loads the graph from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyak-step-'));
    const path = join(folder, 'step.onnx');
    await writeFile(path, trainStepGraph());
    const { feeds } = batches()();
    expect(await (await open({}, path)).minimize(feeds)).toBe(await (await open()).minimize(feeds));
    await rm(folder, { recursive: true });
  });

  it('never writes into a tensor, so that one taken from a cell stays as it was', async () => {
    const optimizer = await open();
    const next = batches();
    const taken: { tensor: ort.Tensor; copy: readonly number[] }[] = [];
    for (let step = 0; step < 5; step += 1) {
      taken.push({ tensor: tensorOf(optimizer), copy: numbers(tensorOf(optimizer)) });
      await optimizer.minimize(next().feeds);
    }
    for (const { tensor, copy } of taken) expect(numbers(tensor)).toEqual(copy);
    expect(new Set(taken.map(({ copy }) => copy.join())).size).toBe(5);
  });

  it('goes on from what somebody else puts into a cell', async () => {
    const [first, second] = [await open(), await open()];
    const next = batches();
    await first.minimize(next().feeds);
    await second.loadStateDict(await first.stateDict());
    await second.paramGroups[0]?.params[0]?.set(tensorOf(first));
    const { feeds } = next();
    expect(await second.minimize(feeds)).toBe(await first.minimize(feeds));
    expect(numbers(tensorOf(second))).toEqual(numbers(tensorOf(first)));
  });
});

describe('SWA over trainStepOptimizer', () => {
  it('averages the weights that the steps visit, at the rate of SWA', async () => {
    const optimizer = await open();
    const swa = new SWA(optimizer, {
      backend: await onnxBackend(ort),
      swaStart: 4,
      swaFreq: 2,
      swaLr: 0.05,
    });
    const next = batches();
    const visited: (readonly number[])[] = [];
    const rates: number[] = [];
    for (let step = 1; step <= 10; step += 1) {
      const loss = await swa.step(async () => optimizer.minimize(next().feeds));
      expect(loss).toBeGreaterThan(0);
      rates.push(optimizer.paramGroups[0]?.lr ?? Number.NaN);
      if (step > 4 && step % 2 === 0) visited.push(numbers(tensorOf(optimizer)));
    }
    expect(rates).toEqual([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]);
    const live = numbers(tensorOf(optimizer));
    await swa.swapSwaSgd();
    expectClose(
      numbers(tensorOf(optimizer)),
      start.map(
        (_, i) => visited.reduce((sum, weight) => sum + (weight[i] ?? 0), 0) / visited.length,
      ),
    );
    await swa.swapSwaSgd();
    expect(numbers(tensorOf(optimizer))).toEqual(live);
  });

  it('resumes from a saved state bit for bit: averages, momenta, counters, rate', async () => {
    const backend = await onnxBackend(ort);
    const next = batches();
    const before = await open();
    const swa = new SWA(before, { backend, swaStart: 2, swaFreq: 1 });
    for (let step = 0; step < 6; step += 1)
      await swa.step(async () => before.minimize(next().feeds));
    const bytes = toSafetensors(await swa.stateDict());

    const after = await open({ parameters: [cell('weight', numbers(tensorOf(before)))], lr: 7 });
    const resumed = new SWA(after, { backend, swaStart: 2, swaFreq: 1 });
    await resumed.loadStateDict(fromSafetensors(bytes));
    expect(after.paramGroups[0]?.lr).toBe(0.1);
    for (let step = 0; step < 6; step += 1) {
      const { feeds } = next();
      expect(await resumed.step(async () => after.minimize(feeds))).toBe(
        await swa.step(async () => before.minimize(feeds)),
      );
    }
    expect(toSafetensors(await resumed.stateDict())).toEqual(toSafetensors(await swa.stateDict()));
    expect(numbers(tensorOf(after))).toEqual(numbers(tensorOf(before)));
  });
});

describe('trainStepOptimizer refuses', () => {
  it.each([
    ['a graph without learning rate', { rename: { lr: 'eta' } }, {}, 'no input "lr"'],
    ['a graph without loss', { rename: { loss: 'cost' } }, {}, 'no output "loss"'],
    [
      'weights that are initializers',
      { isEmbedded: true },
      {},
      'no input "weight" (an initializer',
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
      '"velocity" is float32[k]: what it starts from',
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

  it('a batch that lacks a tensor or has one of no use', async () => {
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
      '"extra" is unknown',
      '"velocity" is float32[3]',
      '"steps" is missing',
    ]) {
      expect(String(error)).toContain(part);
    }
    expect(await optimizer.stateDict()).toEqual(before);
  });
});
