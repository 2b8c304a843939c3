import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderStore } from '@polyak/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('folderStore', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyak-store-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('gives what was put, by ranges too, and undefined for nothing', async () => {
    const store = folderStore(folder);
    await store.put('a/b.bin', bytes(1, 2, 3, 4));
    expect([...((await store.get('a/b.bin')) ?? [])]).toEqual([1, 2, 3, 4]);
    expect(await store.get('a/c.bin')).toBeUndefined();
    const object = await store.open('a/b.bin');
    expect([...(await object.read(1, 2))]).toEqual([2, 3]);
    await object.close();
    await expect(store.open('a/c.bin')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  it('gives another version after a change', async () => {
    const store = folderStore(folder);
    const versions = new Set<string>();
    for (const value of [1, 2]) {
      await store.put('a', bytes(value));
      await new Promise((resolve) => setTimeout(resolve, 10));
      const object = await store.open('a');
      versions.add(object.version);
      await object.close();
    }
    expect(versions.size).toBe(2);
  });

  it('lets one of many writers win, and keeps what it wrote', async () => {
    const store = folderStore(folder);
    const won = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store.putIfAbsent('key', bytes(i))),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    expect([...((await store.get('key')) ?? [])]).toEqual([won.indexOf(true)]);
    expect(await readdir(folder)).toEqual(['key']);
  });

  it('lists keys under a prefix in order, without what is being written', async () => {
    const store = folderStore(folder);
    for (const key of ['r/10', 'r/2', 'r/a/b', 's']) await store.put(key, bytes(1));
    const partial = await store.openPartial('r/new', 'id', 4);
    await partial.close();
    expect(await store.list('r/')).toEqual(['r/10', 'r/2', 'r/a/b']);
    expect(await store.list('r/1')).toEqual(['r/10']);
    expect(await store.list('none/')).toEqual([]);
    await store.remove('r/');
    expect(await store.list('')).toEqual(['s']);
  });

  it.each(['../a', 'a/../../b', '/etc/passwd', 'a//b', './a', '', 'C:/a', 'a\\b', 'a\0'])(
    'refuses the key %j',
    async (key) => {
      await expect(folderStore(folder).put(key, bytes(1))).rejects.toThrow(RangeError);
      await expect(folderStore(folder).open(key)).rejects.toThrow(RangeError);
    },
  );

  it('does not follow a link that leads out of the folder', async () => {
    await mkdir(join(folder, 'store'));
    await writeFile(join(folder, 'secret'), 'x');
    await symlink(join(folder, 'secret'), join(folder, 'store', 'link'));
    const store = folderStore(join(folder, 'store'));
    await expect(store.open('link')).rejects.toThrow(/leads out/);
    await expect(store.get('link')).rejects.toThrow(/leads out/);
  });

  it('publishes what several wrote, once, and refuses later writes', async () => {
    const store = folderStore(folder);
    const first = await store.openPartial('out', 'run', 4);
    const second = await store.openPartial('out', 'run', 4);
    await first.write(0, bytes(1, 2));
    await second.write(2, bytes(3, 4));
    await second.write(2, bytes(3, 4));
    await second.close();
    expect(await store.list('')).toEqual([]);
    await store.publish('out', 'run', 4);
    await store.publish('out', 'run', 4);
    expect([...(await readFile(join(folder, 'out')))]).toEqual([1, 2, 3, 4]);
    await expect(first.write(0, bytes(9))).rejects.toThrow(/published or removed/);
    await store.removePartial('out', 'run');
    await expect(first.write(0, bytes(9))).rejects.toThrow(/published or removed/);
    await first.close();
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('does not replace an object unless it is told to', async () => {
    const store = folderStore(folder);
    await store.put('out', bytes(7));
    const partial = await store.openPartial('out', 'run', 1);
    await partial.write(0, bytes(8));
    await partial.close();
    await expect(store.publish('out', 'run', 1)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
    expect([...((await store.get('out')) ?? [])]).toEqual([7]);
    await store.publish('out', 'run', 1, { replace: true });
    expect([...((await store.get('out')) ?? [])]).toEqual([8]);
    await store.publish('out', 'run', 1, { replace: true });
    await store.removePartial('out', 'run');
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('does not take an object of the same length for the published one', async () => {
    const store = folderStore(folder);
    await store.put('out', bytes(7));
    await expect(store.publish('out', 'run', 1)).rejects.toThrow(/no bytes/);
  });
});
