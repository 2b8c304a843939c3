// The checkpoints of a run in a folder of the disk.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import type { CheckpointFolderOptions, FolderStore } from '@polyak/checkpoints/saving';
import { toSafetensors } from '@polyak/core';
import { decodeSafetensors } from '@polyak/safetensors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let path = '';
beforeEach(async () => (path = await mkdtemp(join(tmpdir(), 'polyak-folder-'))));
afterEach(async () => rm(path, { recursive: true, force: true }));

function folderOf(options: Partial<CheckpointFolderOptions> = {}): CheckpointFolder {
  return new CheckpointFolder(fileStore(path), { maxToKeep: Infinity, ...options });
}

const stateOf = (step: number): { readonly seed: number; readonly w: object } => ({
  seed: 7,
  w: { dtype: 'float32', shape: [2], data: Float32Array.of(step, -step) },
});

const save = async (folder: CheckpointFolder, step: number, metric?: number): Promise<void> => {
  await folder.save(step, stateOf(step) as never, metric === undefined ? {} : { metric });
};

const steps = async (folder: CheckpointFolder): Promise<readonly number[]> =>
  (await folder.list()).map(({ step }) => step);

describe('a checkpoint folder', () => {
  it('gives back what was saved, and its step and metric from the name', async () => {
    const folder = folderOf();
    expect([await folder.latest(), await folder.best(), await folder.list()]).toEqual([
      undefined,
      undefined,
      [],
    ]);
    const metrics = [0.1, undefined, -1e-7, 1e21, Number.NaN, -Infinity, 2 / 3, 0];
    for (const [step, metric] of metrics.entries()) await save(folder, step, metric);
    const listed = await folderOf().list();
    expect(listed.map(({ step, metric }) => [step, metric])).toEqual([...metrics.entries()]);
    expect((await readdir(path)).toSorted()).toEqual(listed.map(({ name }) => name).toSorted());
    for (const saved of listed) expect(await folder.load(saved)).toEqual(stateOf(saved.step));
    expect(listed[6]?.name).toBe('step=6,metric=0.6666666666666666.safetensors');
  });

  it('writes what other tools read: safetensors', async () => {
    const w = { dtype: 'float32', shape: [1], data: Float32Array.of(3) } as const;
    const { name } = await folderOf().save(1, { w });
    expect(decodeSafetensors(await readFile(join(path, name))).tensors).toEqual({ w });
  });

  it('keeps the last ones and the best ones', async () => {
    const folder = folderOf({ maxToKeep: 2, saveTopK: 2, mode: 'max' });
    const metrics = [0.5, 0.9, undefined, 0.7, 0.9, Number.NaN, 0.1, 0.2];
    for (const [step, metric] of metrics.entries()) await save(folder, step, metric);
    expect(await steps(folder)).toEqual([1, 4, 6, 7]);
    expect((await folder.best())?.step).toBe(1); // the first of equal ones
    expect((await folder.latest())?.step).toBe(7);
  });

  it.each([
    ['min', -Infinity, [0]],
    ['max', Infinity, [0]],
    ['min', Number.NaN, []],
    ['max', Number.NaN, []],
  ] as const)('with mode %s, keeps %d as the best: %j', async (mode, metric, kept) => {
    const folder = folderOf({ maxToKeep: 1, saveTopK: 1, mode });
    await save(folder, 0, metric);
    await save(folder, 1);
    expect(await steps(folder)).toEqual([...kept, 1]);
    expect((await folder.best())?.step).toBe(kept[0]);
  });

  it('replaces the checkpoint of a step, also one with another metric', async () => {
    const folder = folderOf({ maxToKeep: 2 });
    await save(folder, 1, 0.5);
    await save(folder, 2, 0.5);
    await folder.save(2, stateOf(9) as never, { metric: 0.25 });
    expect((await folder.list()).map(({ step, metric }) => [step, metric])).toEqual([
      [1, 0.5],
      [2, 0.25],
    ]);
    await folder.save(2, stateOf(8) as never, { metric: 0.25 });
    expect(await folder.load((await folder.latest()) ?? { name: '' })).toEqual(stateOf(8));
  });

  it('takes one of two files of a step that a kill has left, and removes the other', async () => {
    const store = fileStore(path);
    const killed = { ...store, remove: () => Promise.reject(new Error('killed')) };
    const options = { maxToKeep: 2, saveTopK: 1, onWarning: () => undefined };
    const folder = new CheckpointFolder(killed, options);
    await save(folder, 1, 0.5);
    await save(folder, 2, 0.5);
    await folder.save(2, stateOf(9) as never, { metric: 0.25 });
    expect(await readdir(path)).toHaveLength(3);
    // The names do not say which is new, but all calls take the same one.
    const [, second, ...others] = await folder.list();
    expect(others).toEqual([]);
    expect(await folder.latest()).toEqual(second);
    expect([0.25, 0.5]).toContain(second?.metric);
    expect((await folder.best())?.step).toBe(second?.metric === 0.25 ? 2 : 1);

    await save(folderOf({ maxToKeep: 2 }), 3, 1);
    const names = [second?.name, 'step=3,metric=1.safetensors'];
    expect((await readdir(path)).toSorted()).toEqual(names);
  });

  it('refuses a step before the latest one', async () => {
    const folder = folderOf();
    await save(folder, 20);
    await expect(save(folder, 10)).rejects.toMatchObject({
      code: 'ERR_EXISTS',
      message: expect.stringContaining('has step=20.safetensors, which is later than step 10'),
    });
    expect(await steps(folder)).toEqual([20]);
  });

  it('leaves the files of others alone', async () => {
    const foreign = [
      'step=040.safetensors',
      'step=1,metric=0.50.safetensors',
      'step=1.safetensors.partial',
      'step=-1.safetensors',
      'step=1e3.safetensors',
      'step=99999999999999999999.safetensors',
      '.step=1.safetensors.partial',
      'notes.txt',
    ];
    for (const name of foreign) await writeFile(join(path, name), name);
    const folder = folderOf({ maxToKeep: 1 });
    for (const step of [1, 2, 3]) await save(folder, step);
    expect(await steps(folder)).toEqual([3]);
    for (const name of foreign) expect(await readFile(join(path, name), 'utf8')).toBe(name);
    expect(await readdir(path)).toHaveLength(foreign.length + 1);
  });

  it('takes what is in the folder for the truth', async () => {
    const folder = folderOf({ maxToKeep: 2, saveTopK: 1 });
    await save(folder, 1, 0.5);
    await save(folder, 2, 0.25);
    await rm(join(path, 'step=2,metric=0.25.safetensors'));
    await writeFile(join(path, 'step=3,metric=4.safetensors'), toSafetensors({ copied: true }));
    expect((await folder.best())?.step).toBe(1);
    expect(await folder.load((await folder.latest()) ?? { name: '' })).toEqual({ copied: true });
  });

  it('names a damaged checkpoint, and does not skip it', async () => {
    const folder = folderOf();
    await save(folder, 1);
    await save(folder, 2);
    const file = join(path, 'step=2.safetensors');
    const bytes = await readFile(file);
    for (const damaged of [bytes.subarray(0, -1), bytes.subarray(0, 9), new Uint8Array(0)]) {
      await writeFile(file, damaged);
      const latest = (await folder.latest()) ?? { name: '' };
      await expect(folder.load(latest)).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
        message: expect.stringContaining(`load: ${file} does not load: `),
        cause: expect.objectContaining({ code: 'ERR_SAFETENSORS' }),
      });
    }
    await rm(file);
    expect(await folder.load((await folder.latest()) ?? { name: '' })).toEqual(stateOf(1));
    await expect(folder.load({ name: 'step=2.safetensors' })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: `load: ${file}: there is no such checkpoint (ENOENT). Take one that list() returns.`,
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
  });

  it('names a checkpoint of a later version', async () => {
    const { name } = await folderOf().save(1, { a: 1 });
    const text = await readFile(join(path, name), 'latin1');
    await writeFile(join(path, name), text.replace('version\\":1', 'version\\":2'), 'latin1');
    await expect(folderOf().load({ name })).rejects.toThrow(
      `${name} does not load: fromSafetensors: the metadata "polyak" does not fit the file: its ` +
        'version is 2, expected 1. Was it written by a later Polyak?',
    );
  });

  it('is as it was after a save that a signal ends', async () => {
    const folder = folderOf({ maxToKeep: 1 });
    await save(folder, 1);
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    await expect(folder.save(2, { a: 1 }, { signal: aborted })).rejects.toBe(reason);

    // While the file is written: on the first read of its data after the header.
    for (const at of [1, 2, 3]) {
      const controller = new AbortController();
      const big = Object.fromEntries(
        Array.from({ length: 3 }, (_, n) => {
          const data = new Float32Array(300_000).fill(n);
          return [`w${n}`, { dtype: 'float32', shape: [300_000], data } as const];
        }),
      );
      const store = fileStore(path);
      const counting: FolderStore = {
        ...store,
        async write(name, chunks) {
          let count = 0;
          const counted = function* (): Generator<Uint8Array> {
            for (const chunk of chunks) {
              yield chunk;
              count += 1;
              if (count === at) controller.abort(reason);
            }
          };
          await store.write(name, counted());
        },
      };
      const own = new CheckpointFolder(counting, { maxToKeep: 1 });
      await expect(own.save(2, big, { signal: controller.signal })).rejects.toBe(reason);
      expect(await readdir(path)).toEqual(['step=1.safetensors']);
      expect(await folder.load({ name: 'step=1.safetensors' })).toEqual(stateOf(1));
    }
    await save(folder, 2); // and goes on
    expect(await steps(folder)).toEqual([2]);
  });

  it('refuses a save while another one runs', async () => {
    const folder = folderOf();
    const first = save(folder, 1);
    await expect(save(folder, 2)).rejects.toMatchObject({ code: 'ERR_BUSY' });
    await first;
    await save(folder, 2);
    expect(await steps(folder)).toEqual([1, 2]);
  });

  it('warns of a checkpoint that it cannot remove, removes others, and tries again', async () => {
    const warnings: string[] = [];
    const store = fileStore(path);
    let isLocked = true;
    const folder = new CheckpointFolder(
      {
        ...store,
        remove: async (name) => {
          if (isLocked && name === 'step=1.safetensors')
            throw Object.assign(new Error('busy'), { code: 'EBUSY' });
          await store.remove(name);
        },
      },
      { maxToKeep: 1, onWarning: (message) => warnings.push(message) },
    );
    await save(folder, 1);
    await save(folder, 2);
    expect(warnings).toEqual([
      `save: step=2.safetensors was saved, but an older checkpoint in ${path} stays: busy.`,
    ]);
    await save(folder, 3);
    expect(await steps(folder)).toEqual([1, 3]);
    isLocked = false;
    await save(folder, 4);
    expect(await steps(folder)).toEqual([4]);
  });

  it.each([
    [{ maxToKeep: 0 }, 'maxToKeep is 0, expected an integer from 1 or Infinity'],
    [{ maxToKeep: 1.5 }, 'maxToKeep is 1.5'],
    [{ maxToKeep: 1, saveTopK: -1 }, 'saveTopK is -1, expected an integer from 0'],
    [{ maxToKeep: 1, mode: 'best' }, 'mode is "best", expected "min" or "max"'],
    [{ maxToKeep: 1, monitor: 'loss' }, 'there is no option "monitor"'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new CheckpointFolder(fileStore(path), options as never)).toThrow(message);
  });

  it('refuses steps, metrics and states that cannot be saved', async () => {
    const folder = folderOf();
    for (const step of [-1, 0.5, Number.NaN, 2 ** 53, '1' as never]) {
      await expect(folder.save(step, {})).rejects.toThrow(RangeError);
    }
    await expect(folder.save(1, {}, { metric: '0.5' as never })).rejects.toThrow(TypeError);
    for (const signal of [{}, null, 5]) {
      await expect(folder.save(1, {}, { signal: signal as never })).rejects.toThrow(
        /^save: the signal is .*\. Pass that of an AbortController\.$/,
      );
    }
    await expect(folder.save(1, { a: undefined as never })).rejects.toThrow(TypeError);
    expect(await readdir(path)).toEqual([]);
  });

  it('says that there is no folder, or that it is none', async () => {
    await rm(path, { recursive: true });
    const error = {
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining(`${path}: there is no such folder (ENOENT).`),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    };
    await expect(folderOf().latest()).rejects.toMatchObject(error);
    await expect(save(folderOf(), 1)).rejects.toMatchObject(error);
    await writeFile(path, 'a file');
    await expect(folderOf().list()).rejects.toThrow('it is not a folder (ENOTDIR)');
  });
});
