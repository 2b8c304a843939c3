// Members in files: those of an earlier run, those that were cut off, and those of another model.
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Snapshots } from '@polyak/ensemble';
import type { SnapshotFiles } from '@polyak/ensemble';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { read, weights } from '../../../../tests/support/sgd.js';
import { backend, shown, start, takeValues } from './run.js';

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
    const first = run.snapshots(folderFiles());
    await takeValues(run.cell, first, 1, 2, 3);
    await first.dispose();
    // Killed while it wrote the fourth.
    await writeFile(join(folder, 'snapshot-000003.safetensors.partial'), 'half');
    const later = run.snapshots(folderFiles(await keysFound()), 3);
    expect(await shown(run, later)).toEqual([1, 2, 3]);
    await takeValues(run.cell, later, 4);
    expect(await shown(run, later)).toEqual([2, 3, 4]);
    expect(await keysFound()).toEqual([1, 2, 3].map((n) => `snapshot-00000${n}.safetensors`));
  });

  it("that were cut off or are another model's are refused; the model stays as it is", async () => {
    const run = start();
    const snapshots = run.snapshots(folderFiles());
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
    const other = new Snapshots(parameters, {
      backend,
      store: folderFiles(['snapshot-000001.safetensors']),
    });
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
    expect(() => start().snapshots(folderFiles(keys))).toThrow(RangeError);
  });
});
