// SWAG on the CPU backend: what it refuses, and that it keeps nothing. What must hold on every
// backend is in ../features.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { readWeights } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core';
import { SWAG } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';
import type { HalfTensor } from '../../../../tests/support/half-backend.js';
import { fill, read, weights } from '../../../../tests/support/sgd.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const backend = cpuBackend();

interface Run {
  readonly cell: Parameter<HostTensor>;
  readonly swag: SWAG<HostTensor>;
}

function start(): Run {
  const cell = weights('w', [2]);
  return { cell, swag: new SWAG({ backend, parameters: [cell] }, { rank: 3 }) };
}

async function visit({ cell, swag }: Run, ...values: readonly number[]): Promise<void> {
  for (const value of values) {
    fill(cell, value);
    await swag.collect();
  }
}

describe('collect', () => {
  it('refuses what is not finite by name, and has collected nothing', async () => {
    const run = start();
    await visit(run, 1, 2);
    const before = await run.swag.stateDict();
    for (const bad of [NaN, Infinity]) {
      await expect(visit(run, bad)).rejects.toMatchObject({
        code: 'ERR_NON_FINITE',
        message: expect.stringContaining('"w"') as string,
      });
    }
    expect(await run.swag.stateDict()).toEqual(before);
    await visit(run, 6);
    await run.swag.withSample(() => expect(read(run.cell)).toEqual([3, 3]), undefined, {
      scale: 0,
    });
  });

  it.each([
    ['float64', 1e200],
    ['float32', 3e38],
  ] as const)('refuses a variance or deviation that overflows, in %s', async (dtype, large) => {
    const data = dtype === 'float64' ? new Float64Array(1) : new Float32Array(1);
    const swag = new SWAG({ backend, parameters: [parameter('w', { dtype, shape: [1], data })] });
    data[0] = -large;
    for (let n = 0; n < 9; n += 1) await swag.collect();
    const before = await swag.stateDict();
    data[0] = large;
    await expect(swag.collect()).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('the variance of "w" overflows') as string,
    });
    expect(await swag.stateDict()).toEqual(before);
  });

  it('refuses a model that has changed', async () => {
    const parameters = [weights('a', [2]), weights('b', [1])];
    const swag = new SWAG({ backend, parameters });
    await swag.collect();
    parameters[1] = weights('b', [3]);
    await expect(swag.collect()).rejects.toThrow('"b" is float32[3], it was float32[1]');
    parameters[1] = weights('c', [1]);
    await expect(swag.collect()).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
    expect(swag.nModels).toBe(1);
  });

  it('counts tied parameters once', async () => {
    const tensor: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(2) };
    const tied = [parameter('input', tensor), parameter('output', tensor)];
    const swag = new SWAG({ backend, parameters: tied });
    await swag.collect();
    expect(Object.keys(await swag.sample())).toEqual(['input']);
  });

  it.each(['__proto__', 'constructor', '10', ''])('takes a parameter named %j', async (name) => {
    const cell = weights(name, [2]);
    const swag = new SWAG({ backend, parameters: [cell, weights('9', [1])] }, { rank: 2 });
    for (const value of [1, 2, 6]) {
      fill(cell, value);
      await swag.collect();
    }
    const other = new SWAG(swag.model, { rank: 2, seed: 1 });
    await other.loadStateDict(await swag.stateDict());
    expect(await other.sample()).toEqual(await swag.sample());
    await other.withSample(() => expect(read(cell)).toEqual([3, 3]), undefined, { scale: 0 });
  });

  it('keeps half precision in float32 and more, and shows the model a rounded sample', async () => {
    const half = halfBackend();
    const [tensor] = half.upload([{ dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }]);
    const model = { backend: half, parameters: [halfParameter('w', tensor as HalfTensor)] };
    const swag = new SWAG(model);
    await swag.collect();
    const state = await swag.stateDict();
    expect([state.mean['w']?.dtype, state.deviations[0]?.['w']?.dtype]).toEqual([
      'float64',
      'float32',
    ]);
    await swag.loadStateDict({
      ...state,
      mean: { w: { ...state.mean['w'], data: Float64Array.of(2 + 2 ** -20) } as HostTensor },
    });
    expect([...((await swag.sample())['w']?.data ?? [])]).toEqual([2 + 2 ** -20]);
    expect(await swag.withSample(async () => readWeights(model))).toMatchObject({
      w: { data: Float32Array.of(2) },
    });
    expect(await readWeights(model)).toMatchObject({ w: { data: Float32Array.of(1) } });
  });
});

describe('a sample', () => {
  it('is refused before the first collection', async () => {
    const { swag } = start();
    const calls = [
      async () => swag.sample(),
      async () => swag.withSample(() => 0),
      async () => swag.bayesianModelAverage(1, () => [0]),
    ];
    for (const call of calls)
      await expect(call()).rejects.toMatchObject({ code: 'ERR_NO_AVERAGES' });
    await expect(swag.sample()).rejects.toThrow(
      'nothing has been collected yet. Call collect first.',
    );
  });

  it('that overflows is refused by name, and the model keeps its weights', async () => {
    const run = start();
    await visit(run, 1e30, -1e30);
    await expect(run.swag.withSample(() => 0, undefined, { scale: 1e30 })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('"w"') as string,
    });
    expect(read(run.cell)).toEqual([-1e30, -1e30].map(Math.fround));
  });

  it.each([-1, NaN, Infinity])('is refused at scale %f', async (scale) => {
    const run = start();
    await visit(run, 1);
    await expect(run.swag.sample({ scale })).rejects.toThrow(
      `scale is ${scale}, expected a finite number >= 0`,
    );
  });

  it("is the caller's: writing into it, or into a state, changes nothing", async () => {
    const steps = parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(7) });
    const swag = new SWAG({ backend, parameters: [weights('w', [2]), steps] });
    await swag.collect();
    const before = await swag.stateDict();
    const spoilt = await swag.stateDict();
    for (const tensors of [
      await swag.sample({ scale: 0 }),
      spoilt.mean,
      spoilt.variance,
      spoilt.copies,
    ]) {
      for (const { data } of Object.values(tensors)) data.fill(5 as never);
    }
    expect({ ...(await swag.stateDict()), random: before.random }).toEqual(before);
  });

  it('is refused while another call is under way, and so is a collection', async () => {
    const run = start();
    await visit(run, 1, 2);
    await run.swag.withSample(async () => {
      await expect(run.swag.collect()).rejects.toMatchObject({ code: 'ERR_BUSY' });
      await expect(run.swag.sample()).rejects.toThrow(
        'sample: withSample has not finished. Await it first.',
      );
    });
    expect(run.swag.nModels).toBe(2);
  });
});

describe('bayesianModelAverage', () => {
  async function ready(): Promise<SWAG<HostTensor>> {
    const run = start();
    await visit(run, 1, 2, 6);
    return run.swag;
  }

  it('averages in float64, also what was predicted in float32', async () => {
    const swag = await ready();
    const predictions = [0.1, 0.2, 0.4].map((value) => Float32Array.of(value));
    let call = 0;
    const mean = await swag.bayesianModelAverage(3, () => predictions[call++] ?? []);
    expect(mean).toBeInstanceOf(Float64Array);
    const exact = predictions.reduce((sum, [value = NaN]) => sum + value, 0) / 3;
    expect(Math.abs((mean[0] ?? NaN) / exact - 1)).toBeLessThan(1e-15);
  });

  it('reads predictions while the sample is in the model: a view of it will do', async () => {
    const run = start();
    await visit(run, 1, 2, 6);
    const twin = new SWAG(run.swag.model, { rank: 3 });
    await twin.loadStateDict(await run.swag.stateDict());
    const mean = await run.swag.bayesianModelAverage(1, () => run.cell.get().data as Float32Array);
    expect([...mean]).toEqual([...((await twin.sample())['w']?.data ?? [])]);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('refuses n = %f', async (n) => {
    const swag = await ready();
    await expect(swag.bayesianModelAverage(n, () => [0])).rejects.toThrow(
      'expected an integer >= 1',
    );
  });

  it('refuses predictions that cannot be averaged', async () => {
    const swag = await ready();
    let length = 0;
    await expect(
      swag.bayesianModelAverage(2, () => new Float32Array((length += 1))),
    ).rejects.toThrow('predict returned 2 numbers for sample 1, 1 before');
    await expect(swag.bayesianModelAverage(2, () => [0.5, NaN])).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('NaN as number 1 for sample 0') as string,
    });
    await expect(swag.bayesianModelAverage(2, () => undefined as never)).rejects.toThrow(TypeError);
  });

  it('refuses a loader that can be read once only, at the second sample', async () => {
    const swag = await ready();
    const layer = { name: 'n', channels: 1, trainable: true, varianceKind: 'population' } as const;
    const statistics = { mean: Float64Array.of(0), variance: Float64Array.of(1) };
    const model = {
      layers: [{ ...layer, read: () => statistics, write: () => {} }],
      sampleCount: () => 1,
      batchMoments: () => [{ ...statistics, count: 1 }],
    };
    function* once(): Generator<number> {
      yield 1;
    }
    const loader = once();
    await expect(swag.bayesianModelAverage(2, () => [0], { model, loader })).rejects.toMatchObject({
      code: 'ERR_EMPTY_LOADER',
    });
  });
});

describe('the options of SWAG', () => {
  it.each([
    [{ rank: -1 }, 'rank is -1, expected an integer >= 0'],
    [{ rank: 1.5 }, 'rank is 1.5'],
    [{ rank: Infinity }, 'rank is Infinity'],
    [{ rank: '20' as never }, 'rank is 20'],
    [{ seed: -1 }, 'seed is -1, expected an integer in [0, 4294967295]'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296'],
  ])('refuse %j', (options, message) => {
    expect(() => new SWAG({ backend, parameters: [] }, options)).toThrow(message);
  });

  it('refuse two parameters of one name', () => {
    const parameters = [weights('w', [1]), weights('w', [1])];
    expect(() => new SWAG({ backend, parameters })).toThrow('Two parameters are named "w"');
  });
});

describe('memory', () => {
  it('is flat over 1,000 rounds', async () => {
    const cell = weights('w', [10_000]);
    const swag = new SWAG({ backend, parameters: [cell] }, { rank: 5 });
    const round = async (n: number): Promise<void> => {
      fill(cell, Math.sin(n));
      await swag.collect();
      await swag.sample();
      await swag.withSample(() => 0);
    };
    // One collection is not enough: V8 frees buffers on another thread, after it.
    const held = async (): Promise<number> => {
      for (let n = 0; n < 4; n += 1) {
        collectGarbage();
        await new Promise(setImmediate);
      }
      return process.memoryUsage().arrayBuffers;
    };
    for (let n = 0; n < 20; n += 1) await round(n);
    const [tensors, bytes] = [backend.memory(), await held()];
    for (let n = 0; n < 1000; n += 1) await round(n);
    expect(backend.memory()).toEqual(tensors);
    // Less than a single one of the tensors.
    expect((await held()) - bytes).toBeLessThan(40_000);
    const { mean, variance, deviations } = await swag.stateDict();
    const sizes = [mean, variance, ...deviations].map(
      (named) => named['w']?.data.byteLength ?? NaN,
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10_000 * (16 + 4 * 5));
  });
});
