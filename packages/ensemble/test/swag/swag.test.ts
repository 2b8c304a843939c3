// SWAG on the CPU backend: what it refuses, and that it keeps nothing. What must hold on every
// backend is in ../features.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';
import type { HalfTensor } from '../../../../tests/support/half-backend.js';
import { fill, read, weights } from '../../../../tests/support/sgd.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
import { backend, start, visit } from './run.js';

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
    await run.swag.withSample(() => expect(read(run.cell)).toEqual([3, 3]), {
      scale: 0,
    });
  });

  it.each([
    ['float64', 1e200],
    ['float32', 3e38],
  ] as const)('refuses a variance or deviation that overflows, in %s', async (dtype, large) => {
    const data = dtype === 'float64' ? new Float64Array(1) : new Float32Array(1);
    const swag = new SWAG([parameter('w', { dtype, shape: [1], data })], { backend });
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
    const swag = new SWAG(parameters, { backend });
    await swag.collect();
    parameters[1] = weights('b', [3]);
    await expect(swag.collect()).rejects.toThrow('"b" now another tensor');
    parameters[1] = weights('c', [1]);
    await expect(swag.collect()).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
    expect(swag.nModels).toBe(1);
  });

  it('is refused, as samples are, while another object has its weights in the model', async () => {
    const run = start();
    await visit(run, 1, 2);
    const averaged = new AveragedModel([run.cell], { backend });
    await averaged.update();
    fill(run.cell, 6);
    await averaged.withAveraged(async () => {
      const before = await run.swag.stateDict();
      const calls = [async () => run.swag.collect(), async () => run.swag.withSample(() => 0)];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
      }
      expect(await run.swag.stateDict()).toEqual(before);
    });
    await run.swag.withSample(async () => {
      await expect(averaged.update()).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
    });
    expect(read(run.cell)).toEqual([6, 6]);
    await averaged.dispose();
  });

  it('counts tied parameters once', async () => {
    const tensor: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(2) };
    const tied = [parameter('input', tensor), parameter('output', tensor)];
    const swag = new SWAG(tied, { backend });
    await swag.collect();
    expect(Object.keys(await swag.sample())).toEqual(['input']);
  });

  it.each(['__proto__', 'constructor', '10', ''])('takes a parameter named %j', async (name) => {
    const cell = weights(name, [2]);
    const parameters = [cell, weights('9', [1])];
    const swag = new SWAG(parameters, { backend, rank: 2 });
    for (const value of [1, 2, 6]) {
      fill(cell, value);
      await swag.collect();
    }
    const other = new SWAG(parameters, { backend, rank: 2, seed: 1 });
    await other.loadStateDict(await swag.stateDict());
    expect(await other.sample()).toEqual(await swag.sample());
    await other.withSample(() => expect(read(cell)).toEqual([3, 3]), { scale: 0 });
  });

  it('keeps half precision in float32 and more, and shows the model a rounded sample', async () => {
    const half = halfBackend();
    const [tensor] = half.upload([{ dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }]);
    const parameters = [halfParameter('w', tensor as HalfTensor)];
    const swag = new SWAG(parameters, { backend: half });
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
    expect(await swag.withSample(() => parameters[0]?.get().data)).toEqual(Uint16Array.of(0x4000));
    expect(parameters[0]?.get().data).toEqual(Uint16Array.of(0x3c00));
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
    await expect(run.swag.withSample(() => 0, { scale: 1e30 })).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('"w"') as string,
    });
    expect(read(run.cell)).toEqual([-1e30, -1e30].map(Math.fround));
  });

  it('is refused with options that it does not know', async () => {
    const run = start();
    await visit(run, 1);
    await expect(run.swag.sample({ isBlockwise: true } as never)).rejects.toThrow(TypeError);
    await expect(run.swag.withSample(() => 0, 'mean' as never)).rejects.toThrow(TypeError);
    await expect(run.swag.withSample(() => 0, { loader: [] } as never)).rejects.toThrow(
      'withSample: there is no option "loader". Expected { scale, block, batchNorm }.',
    );
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
    const swag = new SWAG([weights('w', [2]), steps], { backend });
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

describe('the options of SWAG', () => {
  it.each([
    [{ rank: -1 }, 'rank is -1, expected an integer >= 0'],
    [{ rank: 1.5 }, 'rank is 1.5'],
    [{ rank: Infinity }, 'rank is Infinity'],
    [{ rank: '20' as never }, 'rank is "20"'],
    [{ seed: -1 }, 'seed is -1, expected an integer in [0, 4294967295]'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296'],
  ])('refuse %j', (options, message) => {
    expect(() => new SWAG([], { backend, ...options })).toThrow(message);
  });

  it('refuse two parameters of one name', () => {
    const parameters = [weights('w', [1]), weights('w', [1])];
    expect(() => new SWAG(parameters, { backend })).toThrow('Two parameters are named "w"');
  });
});

describe('memory', () => {
  it('is flat over 1,000 rounds', async () => {
    const cell = weights('w', [10_000]);
    const swag = new SWAG([cell], { backend, rank: 5 });
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
