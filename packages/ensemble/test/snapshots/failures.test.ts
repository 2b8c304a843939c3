// Snapshots where something fails at any point: nothing is lost, changed or kept alive.
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import { Snapshots } from '@polyak/ensemble';
import type { SnapshotFiles } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { fill, read, weights } from '../../../../tests/support/sgd.js';
import { backend, memoryFiles, shown, start, STORES, takeValues } from './run.js';

describe('a failure', () => {
  it('of a write loses no member, and the next take goes on', async () => {
    const [run, files] = [start(), memoryFiles()];
    const snapshots = run.snapshots(files, 2);
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
    const snapshots = run.snapshots(files, 2);
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

  it('to remove the oldest and then the new one has both errors', async () => {
    const [run, files] = [start(), memoryFiles()];
    const stuck: SnapshotFiles = {
      ...files,
      remove(key) {
        throw new Error(`${key} is not permitted`);
      },
    };
    const snapshots = run.snapshots(stuck, 1);
    await takeValues(run.cell, snapshots, 1);
    const failing = takeValues(run.cell, snapshots, 2);
    await expect(failing).rejects.toThrow(AggregateError);
    await expect(failing).rejects.toThrow(/000000.* is not permitted.*000001.* is not permitted/);
    expect(await shown(run, snapshots)).toEqual([1]);
  });

  it.each(['download', 'clone', 'allFinite', 'upload', 'swap', 'dispose'] as const)(
    'of %s at any point of a take, a member or a mean changes nothing and leaks nothing',
    async (method) => {
      for (const store of STORES) {
        for (let nth = 0; nth < 12; nth += 1) {
          let calls = Infinity;
          const original: (...args: never[]) => unknown = backend[method];
          const failing: Backend<HostTensor> = {
            ...backend,
            [method]: (...given: never[]) => {
              calls -= 1;
              if (calls === -1) throw new Error('device lost');
              return original(...given);
            },
          };
          const before = backend.memory();
          const cell = weights('w', [2]);
          const options = { backend: failing, store, limit: 2, onWarning: () => {} };
          const snapshots = new Snapshots([cell], options);
          await takeValues(cell, snapshots, 1, 2);
          fill(cell, 3);
          calls = nth;
          const kept = [1, 2, 3];
          await snapshots.take().then(
            () => kept.shift(),
            () => kept.pop(),
          );
          await Promise.allSettled([snapshots.withMember(0, () => fill(cell, 9))]);
          await Promise.allSettled([snapshots.mean()]);
          calls = Infinity;
          expect(read(cell)).toEqual([3, 3]);
          expect(await snapshots.withEach(() => read(cell)[0])).toEqual(kept);
          await snapshots.dispose();
          const left = backend.memory().tensors - before.tensors;
          // A tensor whose own disposal failed after the call was done is reported, and stays.
          expect(left).toBeLessThanOrEqual(method === 'dispose' ? 1 : 0);
        }
      }
    },
  );

  it.each(STORES)('of the device in a take loses no member (%s)', async (store) => {
    let isLost = false;
    const failing: Backend<HostTensor> = {
      ...backend,
      clone(tensors) {
        if (isLost) throw new Error('device lost');
        return backend.clone(tensors);
      },
    };
    const run = start(failing);
    const snapshots = run.snapshots(store);
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
    const run = start(failing);
    const snapshots = run.snapshots(store);
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
    const snapshots = run.snapshots('host');
    await takeValues(run.cell, snapshots, 1, 2, 3);
    const failing = snapshots.withEach((index) => {
      if (index === 1) throw new Error('no score');
    });
    await expect(failing).rejects.toThrow('no score');
    expect(read(run.cell)).toEqual([3, 3]);
    expect(await shown(run, snapshots)).toEqual([1, 2, 3]);
  });
});
