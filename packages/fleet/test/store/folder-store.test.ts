import { link, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderStore } from '@polyak/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeTests } from './store-tests.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-store-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

storeTests('a folder', () => Promise.resolve(folderStore(folder)));

describe('folderStore', () => {
  it('refuses a folder that is not there, such as one that is not mounted', () => {
    expect(() => folderStore(join(folder, 'share'))).toThrow(/there is no folder .*share/);
  });

  it('leaves no file beside what was written', async () => {
    const store = folderStore(folder);
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.putIfAbsent('key', bytes(i))));
    expect(await readdir(folder)).toEqual(['key']);
    for (const replace of [false, true]) {
      const partial = await store.openPartial('out', 'run', 1);
      await partial.write(0, bytes(1));
      await partial.close();
      await store.publish('out', 'run', 1, { replace });
      await store.removePartial('out', 'run');
      expect(await readdir(folder)).toEqual(['key', 'out']);
    }
  });

  it('removes what a publisher has left that was killed', async () => {
    const store = folderStore(folder);
    for (const remove of ['removePartial', 'withdraw'] as const) {
      for (const name of ['.out.run.partial', '.out.run.new.partial']) {
        await writeFile(join(folder, name), 'x');
      }
      await store[remove]('out', 'run');
      expect(await readdir(folder)).toEqual([]);
    }
    // One that was killed while it withdrew.
    await writeFile(join(folder, '.out.run.withdrawn.partial'), 'x');
    await link(join(folder, '.out.run.withdrawn.partial'), join(folder, 'out'));
    await store.withdraw('out', 'run');
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes folders that are empty, while others write there', async () => {
    const store = folderStore(folder);
    await store.put('a/b/kept', bytes(1));
    await store.put('a/b/c/d', bytes(1));
    await store.remove('a/b/c/d');
    expect(await readdir(join(folder, 'a/b'))).toEqual(['kept']);
    await store.remove('a/');
    expect(await readdir(folder)).toEqual([]);
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; i < 50; i += 1) {
          const key = `x/y/${writer}-${i}`;
          await store.put(key, bytes(i));
          expect([...((await store.get(key)) ?? [])]).toEqual([i]);
          await store.remove(key);
          await (await store.openPartial(`${key}.out`, 'run', 1)).close();
          await store.removePartial(`${key}.out`, 'run');
        }
      }),
    );
    await store.remove('x/y/none');
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not follow a link that leads out of the folder', async () => {
    await mkdir(join(folder, 'store'));
    await writeFile(join(folder, 'secret'), 'x');
    await symlink(join(folder, 'secret'), join(folder, 'store', 'link'));
    const store = folderStore(join(folder, 'store'));
    await expect(store.open('link')).rejects.toThrow(/leads out/);
    await expect(store.get('link')).rejects.toThrow(/leads out/);
    await mkdir(join(folder, 'outside'));
    await symlink(join(folder, 'outside'), join(folder, 'store', 'folder'));
    await expect(store.put('folder/a', bytes(1))).rejects.toThrow(/leads out/);
    await expect(store.openPartial('folder/a', 'run', 1)).rejects.toThrow(/leads out/);
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
  });

  it('refuses a write at once where the object was published or removed', async () => {
    const store = folderStore(folder);
    const partial = await store.openPartial('out', 'run', 1);
    await partial.write(0, bytes(1));
    await store.publish('out', 'run', 1);
    await expect(partial.write(0, bytes(9))).rejects.toThrow(/published or removed/);
    await store.removePartial('out', 'run');
    await expect(partial.write(0, bytes(9))).rejects.toThrow(/published or removed/);
    await partial.close();
  });

  it('does not take an object of the same length for the published one', async () => {
    const store = folderStore(folder);
    await store.put('out', bytes(7));
    await expect(store.publish('out', 'run', 1)).rejects.toThrow(/no bytes/);
  });
});
