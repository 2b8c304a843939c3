// Snapshots in memory: what they keep, how long, and what they refuse.
import { parameter } from '@polyak/backend-cpu';
import { bnUpdate, ParameterSet } from '@polyak/core';
import type { BatchNormModel, HostTensor, Parameter } from '@polyak/core/interfaces';
import { Snapshots } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';
import type { HalfTensor } from '../../../../tests/support/half-backend.js';
import { fill, read, weights } from '../../../../tests/support/sgd.js';
import { backend, memoryFiles, shown, start, STORES, takeValues } from './run.js';

describe('memory', () => {
  it.each(STORES)('is flat over 1,000 takes with a bounded number kept (%s)', async (store) => {
    const [run, before] = [start(), backend.memory()];
    const snapshots = run.snapshots(store, 5);
    const tensors = new Set<number>();
    for (let n = 1; n <= 1000; n += 1) {
      await takeValues(run.cell, snapshots, n);
      if (n >= 5) tensors.add(backend.memory().tensors - before.tensors);
    }
    expect([...tensors]).toEqual([store === 'device' ? 5 : 0]);
    expect(await shown(run, snapshots)).toEqual([996, 997, 998, 999, 1000]);
    await snapshots.dispose();
    expect(backend.memory()).toEqual(before);
  });

  it('of files is flat over 1,000 takes too, in files of one size', async () => {
    const [run, files] = [start(), memoryFiles()];
    const snapshots = run.snapshots(files, 5);
    for (let n = 1; n <= 1000; n += 1) await takeValues(run.cell, snapshots, n);
    expect([...files.held.keys()]).toEqual(
      [995, 996, 997, 998, 999].map((n) => `snapshot-000${n}.safetensors`),
    );
    expect(new Set([...files.held.values()].map(({ length }) => length)).size).toBe(1);
  });
});

describe('Snapshots', () => {
  it('refuses calls that overlap, missing members, and options out of range', async () => {
    const run = start();
    const snapshots = run.snapshots('host');
    await expect(snapshots.mean()).rejects.toThrow('mean: there are no members. Call take first.');
    await takeValues(run.cell, snapshots, 1);
    for (const index of [1, -1, 0.5, NaN])
      await expect(snapshots.weights(index)).rejects.toThrow(RangeError);
    const inside = snapshots.withMember(0, async () => snapshots.take());
    await expect(inside).rejects.toMatchObject({ code: 'ERR_BUSY' });
    expect(snapshots.length).toBe(1);
    for (const limit of [0, 1.5, NaN, -1]) {
      expect(() => run.snapshots('host', limit)).toThrow(RangeError);
    }
    expect(() => run.snapshots('disk' as 'host')).toThrow(TypeError);
  });

  it('refuses a parameter whose shape has changed', async () => {
    let tensor: HostTensor = { dtype: 'float32', shape: [2], data: new Float32Array(2) };
    const cell: Parameter<HostTensor> = { name: 'w', identity: {}, get: () => tensor, set() {} };
    const snapshots = new Snapshots([cell], { backend, store: 'host' });
    tensor = { dtype: 'float32', shape: [3], data: new Float32Array(3) };
    await expect(snapshots.take()).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
  });

  it('refuses NaN in the weights, by name, and in a file that has it', async () => {
    const [run, files] = [start(), memoryFiles()];
    const snapshots = run.snapshots(files);
    await takeValues(run.cell, snapshots, 1);
    await expect(takeValues(run.cell, snapshots, NaN)).rejects.toThrow(
      'read: NaN at index 0 of "w".',
    );
    fill(run.cell, 5);
    const bytes = files.held.get('snapshot-000000.safetensors') ?? new Uint8Array();
    new Float32Array(bytes.buffer, bytes.length - 8).fill(Infinity);
    await expect(snapshots.withMember(0, () => 0)).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
    });
    await expect(snapshots.mean()).rejects.toMatchObject({ code: 'ERR_NON_FINITE' });
    expect(read(run.cell)).toEqual([5, 5]);
  });

  it('has a mean in float64: of many large members and a small one', async () => {
    const run = start();
    const snapshots = run.snapshots('host');
    await takeValues(run.cell, snapshots, 2 ** 24, 1, 2 ** 24, 1, 2);
    const mean = await snapshots.mean();
    expect(mean['w']?.data[0]).toBe(Math.fround((2 ** 25 + 4) / 5));
    expect(
      await new ParameterSet([run.cell], { backend }).withWeights(mean, () => read(run.cell)[0]),
    ).toBe(mean['w']?.data[0]);
  });

  it('keeps half precision exactly, as float32', async () => {
    const half = halfBackend();
    const [tensor] = half.upload([{ dtype: 'float16', shape: [1], data: Uint16Array.of(0x3555) }]);
    const cell = halfParameter('w', tensor as HalfTensor);
    const before = half.memory();
    const snapshots = new Snapshots([cell], { backend: half, store: 'device' });
    await snapshots.take();
    expect(await snapshots.weights(0)).toMatchObject({ w: { dtype: 'float32' } });
    (cell.get().data as Uint16Array)[0] = 0;
    expect(await snapshots.withMember(0, () => cell.get().data[0])).toBe(0x3555);
    await snapshots.dispose();
    expect(half.memory()).toEqual(before);
  });

  it('estimates batch norm for each member on request, and restores the statistics', async () => {
    const run = start();
    const { cell } = run;
    const running = { mean: Float64Array.of(0), variance: Float64Array.of(1) };
    const layer = {
      name: 'bn',
      identity: running,
      channels: 1,
      varianceKind: 'population',
      read: () => ({ mean: running.mean.slice(), variance: running.variance.slice() }),
      write: ({ mean, variance }: typeof running) => Object.assign(running, { mean, variance }),
    };
    // The batch mean of a layer after multiplication with the weight.
    const batchNorm = {
      model: {
        layers: [layer],
        sampleCount: () => 4,
        batchMoments: (x: number) => [
          {
            mean: Float64Array.of(x * (read(cell)[0] ?? NaN)),
            variance: Float64Array.of(1),
            count: 4,
          },
        ],
      } as unknown as BatchNormModel<number>,
      loader: [1, 3],
    };
    const snapshots = run.snapshots('device');
    await takeValues(cell, snapshots, 10, 20);
    await bnUpdate([7], batchNorm.model);
    expect(await snapshots.withEach(() => running.mean[0], { batchNorm })).toEqual([20, 40]);
    expect(running.mean[0]).toBe(140);
    await snapshots.dispose();
  });

  it('takes running statistics that are among the parameters along', async () => {
    const [w, mean] = [weights('w', [2]), weights('bn/mean', [2])];
    const snapshots = new Snapshots([w, mean], { backend, store: 'device' });
    for (const value of [1, 2]) {
      fill(w, value);
      fill(mean, 10 * value);
      await snapshots.take();
    }
    expect(await snapshots.withEach(() => read(mean)[0])).toEqual([10, 20]);
    await snapshots.dispose();
  });

  it.each([[null], [5], [true], [[]], [{ batchnorm: {} }]])(
    'refuses the options %j',
    async (options) => {
      const snapshots = new Snapshots([weights('w', [2])], { backend, store: 'host' });
      await snapshots.take();
      await expect(snapshots.withEach(() => 1, options as never)).rejects.toThrow(
        /^withEach: .* Expected { batchNorm, holder, signal }\.$/,
      );
      await expect(snapshots.withMember(0, () => 1, options as never)).rejects.toThrow(
        /^withMember: .* Expected { batchNorm, holder }\.$/,
      );
    },
  );

  it('keeps tied parameters tied', async () => {
    const tensor: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) };
    const parameters = [parameter('input', tensor), parameter('output', tensor)];
    const snapshots = new Snapshots(parameters, { backend, store: 'device' });
    await snapshots.take();
    tensor.data[0] = 2;
    expect(await snapshots.withMember(0, () => parameters.map(read))).toEqual([[1], [1]]);
    expect(parameters.map(read)).toEqual([[2], [2]]);
    await snapshots.dispose();
  });
});
