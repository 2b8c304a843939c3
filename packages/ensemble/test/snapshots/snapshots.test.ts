// Snapshots where things go wrong: nothing is lost, nothing is kept alive, misuse is refused.
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { bnUpdate, withWeights } from '@polyak/core';
import type { Backend, BatchNormModel, HostTensor, LiveModel, Parameter } from '@polyak/core';
import { Snapshots } from '@polyak/ensemble';
import type { SnapshotFiles } from '@polyak/ensemble';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';
import type { HalfTensor } from '../../../../tests/support/half-backend.js';
import { fill, read, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();
const STORES = ['device', 'host'] as const;

interface Run {
  readonly cell: Parameter<HostTensor>;
  readonly model: LiveModel<HostTensor>;
}

function start(options: { readonly backend?: Backend<HostTensor> } = {}): Run {
  const cell = weights('w', [2]);
  return { cell, model: { backend, parameters: [cell], ...options } };
}

async function takeValues(
  cell: Parameter<HostTensor>,
  snapshots: Snapshots<HostTensor>,
  ...values: number[]
) {
  for (const value of values) {
    fill(cell, value);
    await snapshots.take();
  }
}

/** What each member shows in the model. */
async function shown(
  { cell }: Run,
  snapshots: Snapshots<HostTensor>,
): Promise<(number | undefined)[]> {
  return snapshots.withEach(() => read(cell)[0]);
}

/** Bytes by key, in memory; each call can be made to fail. */
function memoryFiles(): SnapshotFiles & {
  readonly held: Map<string, Uint8Array>;
  failing: string;
} {
  const held = new Map<string, Uint8Array>();
  const files = {
    held,
    failing: '',
    write(key: string, bytes: Uint8Array) {
      if (files.failing === 'write') throw new Error('disk full');
      held.set(key, bytes);
    },
    read: (key: string) => held.get(key) ?? new Uint8Array(),
    remove(key: string) {
      if (files.failing === key) throw new Error('not permitted');
      held.delete(key);
    },
  };
  return files;
}

describe('a failure', () => {
  it('of a write loses no member, and the next take goes on', async () => {
    const [run, files] = [start(), memoryFiles()];
    const snapshots = new Snapshots(run.model, { store: files, limit: 2 });
    await takeValues(run.cell, snapshots, 1, 2);
    files.failing = 'write';
    await expect(takeValues(run.cell, snapshots, 3)).rejects.toThrow('disk full');
    expect(await shown(run, snapshots)).toEqual([1, 2]);
    files.failing = '';
    await takeValues(run.cell, snapshots, 4);
    expect(await shown(run, snapshots)).toEqual([2, 4]);
    expect([...files.held.keys()]).toEqual([
      'snapshot-000001.safetensors',
      'snapshot-000002.safetensors',
    ]);
  });

  it('to remove the oldest leaves the members as they were; the next take goes on', async () => {
    const [run, files] = [start(), memoryFiles()];
    const snapshots = new Snapshots(run.model, { store: files, limit: 2 });
    await takeValues(run.cell, snapshots, 1, 2);
    const before = [...files.held];
    files.failing = 'snapshot-000000.safetensors';
    await expect(takeValues(run.cell, snapshots, 3)).rejects.toThrow('not permitted');
    expect(await shown(run, snapshots)).toEqual([1, 2]);
    expect([...files.held]).toEqual(before);
    files.failing = '';
    await takeValues(run.cell, snapshots, 4);
    expect(await shown(run, snapshots)).toEqual([2, 4]);
  });

  it.each(STORES)('of the device in a take loses no member (%s)', async (store) => {
    let isLost = false;
    const failing: Backend<HostTensor> = {
      ...backend,
      clone(tensors) {
        if (isLost) throw new Error('device lost');
        return backend.clone(tensors);
      },
    };
    const run = start({ backend: failing });
    const snapshots = new Snapshots(run.model, { store });
    await takeValues(run.cell, snapshots, 1, 2);
    const before = backend.memory();
    isLost = true;
    await expect(takeValues(run.cell, snapshots, 3)).rejects.toThrow('device lost');
    isLost = false;
    expect(backend.memory()).toEqual(before);
    expect(await shown(run, snapshots)).toEqual([1, 2]);
    await snapshots.dispose();
  });

  it.each(STORES)('of a swap leaves the model and the members as they were (%s)', async (store) => {
    let isLost = false;
    const failing: Backend<HostTensor> = {
      ...backend,
      swap(parameters, tensors) {
        if (isLost) throw new Error('device lost');
        return backend.swap(parameters, tensors);
      },
    };
    const run = start({ backend: failing });
    const snapshots = new Snapshots(run.model, { store });
    await takeValues(run.cell, snapshots, 1, 2);
    const before = backend.memory();
    isLost = true;
    await expect(snapshots.withMember(0, () => 0)).rejects.toThrow('device lost');
    isLost = false;
    expect(read(run.cell)).toEqual([2, 2]);
    expect(backend.memory()).toEqual(before);
    expect(await shown(run, snapshots)).toEqual([1, 2]);
    await snapshots.dispose();
  });

  it('of the function for one member leaves the live weights and no results', async () => {
    const run = start();
    const snapshots = new Snapshots(run.model, { store: 'host' });
    await takeValues(run.cell, snapshots, 1, 2, 3);
    const failing = snapshots.withEach((index) => {
      if (index === 1) throw new Error('no score');
    });
    await expect(failing).rejects.toThrow('no score');
    expect(read(run.cell)).toEqual([3, 3]);
    expect(await shown(run, snapshots)).toEqual([1, 2, 3]);
  });
});

describe('memory', () => {
  it.each(STORES)('is flat over 1,000 takes with a bounded number kept (%s)', async (store) => {
    const [run, before] = [start(), backend.memory()];
    const snapshots = new Snapshots(run.model, { store, limit: 5 });
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
    const snapshots = new Snapshots(run.model, { store: files, limit: 5 });
    for (let n = 1; n <= 1000; n += 1) await takeValues(run.cell, snapshots, n);
    expect([...files.held.keys()]).toEqual(
      [995, 996, 997, 998, 999].map((n) => `snapshot-000${n}.safetensors`),
    );
    expect(new Set([...files.held.values()].map(({ length }) => length)).size).toBe(1);
  });
});

describe('files in a folder', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyak-snapshots-'));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  function folderFiles(keys: readonly string[] = []): SnapshotFiles {
    return {
      keys,
      async write(key, bytes) {
        const partial = join(folder, `${key}.partial`);
        await writeFile(partial, bytes);
        await rename(partial, join(folder, key));
      },
      read: async (key) => readFile(join(folder, key)),
      remove: async (key) => rm(join(folder, key)),
    };
  }

  async function keysFound(): Promise<string[]> {
    return (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).toSorted();
  }

  it('are members of a later run, which goes on with them', async () => {
    const run = start();
    const first = new Snapshots(run.model, { store: folderFiles() });
    await takeValues(run.cell, first, 1, 2, 3);
    await first.dispose();
    // Killed while it wrote the fourth.
    await writeFile(join(folder, 'snapshot-000003.safetensors.partial'), 'half');
    const later = new Snapshots(run.model, { store: folderFiles(await keysFound()), limit: 3 });
    expect(await shown(run, later)).toEqual([1, 2, 3]);
    await takeValues(run.cell, later, 4);
    expect(await shown(run, later)).toEqual([2, 3, 4]);
    expect(await keysFound()).toEqual([1, 2, 3].map((n) => `snapshot-00000${n}.safetensors`));
  });

  it("that were cut off or are another model's are refused; the model stays as it is", async () => {
    const run = start();
    const snapshots = new Snapshots(run.model, { store: folderFiles() });
    await takeValues(run.cell, snapshots, 1, 2);
    const [key = ''] = await keysFound();
    const bytes = await readFile(join(folder, key));
    await writeFile(join(folder, key), bytes.subarray(0, -1));
    await expect(snapshots.withMember(0, () => 0)).rejects.toMatchObject({
      code: 'ERR_SAFETENSORS',
      message: expect.stringContaining('snapshot-000000.safetensors: ') as string,
    });
    await expect(snapshots.mean()).rejects.toMatchObject({ code: 'ERR_SAFETENSORS' });
    const parameters = [weights('other', [2])];
    const other = new Snapshots(
      { backend, parameters },
      { store: folderFiles(['snapshot-000001.safetensors']) },
    );
    await expect(other.withMember(0, () => 0)).rejects.toMatchObject({ code: 'ERR_STATE' });
    await expect(other.mean()).rejects.toMatchObject({ code: 'ERR_STATE' });
    expect(read(run.cell)).toEqual([2, 2]);
    expect(await snapshots.withMember(1, () => read(run.cell))).toEqual([2, 2]);
  });

  it.each([
    [['snapshot-000001.safetensors', 'snapshot-000000.safetensors']],
    [['snapshot-000001.safetensors', 'snapshot-000001.safetensors']],
    [['weights.safetensors']],
    [['snapshot-1.safetensors']],
    [['snapshot-000001.safetensors.partial']],
  ])('are refused under the keys %j', (keys) => {
    expect(() => new Snapshots(start().model, { store: folderFiles(keys) })).toThrow(RangeError);
  });
});

describe('Snapshots', () => {
  it('refuses calls that overlap, missing members, and options out of range', async () => {
    const run = start();
    const snapshots = new Snapshots(run.model, { store: 'host' });
    await expect(snapshots.mean()).rejects.toThrow('mean: there is no member 0, there are 0.');
    await takeValues(run.cell, snapshots, 1);
    for (const index of [1, -1, 0.5, NaN])
      await expect(snapshots.weights(index)).rejects.toThrow(RangeError);
    const inside = snapshots.withMember(0, async () => snapshots.take());
    await expect(inside).rejects.toMatchObject({ code: 'ERR_BUSY' });
    expect(snapshots.length).toBe(1);
    for (const limit of [0, 1.5, NaN, -1]) {
      expect(() => new Snapshots(run.model, { store: 'host', limit })).toThrow(RangeError);
    }
    expect(() => new Snapshots(run.model, { store: 'disk' as 'host' })).toThrow(TypeError);
  });

  it('refuses a parameter whose shape has changed', async () => {
    let tensor: HostTensor = { dtype: 'float32', shape: [2], data: new Float32Array(2) };
    const cell: Parameter<HostTensor> = { name: 'w', get: () => tensor, set() {} };
    const snapshots = new Snapshots({ backend, parameters: [cell] }, { store: 'host' });
    tensor = { dtype: 'float32', shape: [3], data: new Float32Array(3) };
    await expect(snapshots.take()).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
  });

  it('refuses NaN in the weights, by name, and in a file that has it', async () => {
    const [run, files] = [start(), memoryFiles()];
    const snapshots = new Snapshots(run.model, { store: files });
    await takeValues(run.cell, snapshots, 1);
    await expect(takeValues(run.cell, snapshots, NaN)).rejects.toThrow(
      'take: NaN or an infinity in "w".',
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
    const snapshots = new Snapshots(run.model, { store: 'host' });
    await takeValues(run.cell, snapshots, 2 ** 24, 1, 2 ** 24, 1, 2);
    const mean = await snapshots.mean();
    expect(mean['w']?.data[0]).toBe(Math.fround((2 ** 25 + 4) / 5));
    expect(await withWeights(run.model, mean, () => read(run.cell)[0])).toBe(mean['w']?.data[0]);
  });

  it('keeps half precision exactly, as float32', async () => {
    const half = halfBackend();
    const [tensor] = half.upload([{ dtype: 'float16', shape: [1], data: Uint16Array.of(0x3555) }]);
    const cell = halfParameter('w', tensor as HalfTensor);
    const before = half.memory();
    const snapshots = new Snapshots({ backend: half, parameters: [cell] }, { store: 'device' });
    await snapshots.take();
    expect(await snapshots.weights(0)).toMatchObject({ w: { dtype: 'float32' } });
    (cell.get().inner.data as Uint16Array)[0] = 0;
    expect(await snapshots.withMember(0, () => cell.get().inner.data[0])).toBe(0x3555);
    await snapshots.dispose();
    expect(half.memory()).toEqual(before);
  });

  it('estimates batch norm for each member on request, and restores the statistics', async () => {
    const { cell, model } = start();
    const running = { mean: Float64Array.of(0), variance: Float64Array.of(1) };
    const layer = {
      name: 'bn',
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
    const snapshots = new Snapshots(model, { store: 'device' });
    await takeValues(cell, snapshots, 10, 20);
    await bnUpdate([7], batchNorm.model);
    expect(await snapshots.withEach(() => running.mean[0], batchNorm)).toEqual([20, 40]);
    expect(running.mean[0]).toBe(140);
    await snapshots.dispose();
  });

  it('takes running statistics that are among the parameters along', async () => {
    const [w, mean] = [weights('w', [2]), weights('bn/mean', [2])];
    const snapshots = new Snapshots({ backend, parameters: [w, mean] }, { store: 'device' });
    for (const value of [1, 2]) {
      fill(w, value);
      fill(mean, 10 * value);
      await snapshots.take();
    }
    expect(await snapshots.withEach(() => read(mean)[0])).toEqual([10, 20]);
    await snapshots.dispose();
  });

  it('keeps tied parameters tied', async () => {
    const tensor: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) };
    const parameters = [parameter('input', tensor), parameter('output', tensor)];
    const snapshots = new Snapshots({ backend, parameters }, { store: 'device' });
    await snapshots.take();
    tensor.data[0] = 2;
    expect(await snapshots.withMember(0, () => parameters.map(read))).toEqual([[1], [1]]);
    expect(parameters.map(read)).toEqual([[2], [2]]);
    await snapshots.dispose();
  });
});
