// A folder of the File System API that fails, in memory. `browser.test.ts` has real ones.
import { CheckpointFolder, directoryStore } from '@polyak/checkpoints/saving';
import type { DirectoryHandle } from '@polyak/checkpoints/saving';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

beforeEach(() => {
  const locks = {
    request: async (_: string, work: () => Promise<unknown>): Promise<unknown> => work(),
    query: async () => ({ held: [] }),
  };
  vi.stubGlobal('navigator', { locks });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** An error of a browser. */
const errorOf = (name: string): Error => Object.assign(new Error(name), { name });

function handleOf(files: Map<string, Uint8Array>, locked?: string): DirectoryHandle {
  return {
    name: 'run',
    async *keys() {
      yield* files.keys();
    },
    async getFileHandle(name, { create = false } = {}) {
      if (!create && !files.has(name)) throw errorOf('NotFoundError');
      files.set(name, files.get(name) ?? new Uint8Array());
      return {
        createWritable: async () => ({
          async write(data) {
            files.set(name, Uint8Array.of(...(files.get(name) ?? []), ...data));
          },
          close: async () => undefined,
          abort: async () => undefined,
        }),
        getFile: async () => new Blob([new Uint8Array(files.get(name) ?? [])]),
        async move(to) {
          files.set(to, files.get(name) ?? new Uint8Array());
          files.delete(name);
        },
      };
    },
    async removeEntry(name) {
      if (name === locked) throw errorOf('NoModificationAllowedError');
      if (!files.delete(name)) throw errorOf('NotFoundError');
    },
  };
}

const partial = (digit: number): string =>
  `.step=1.safetensors.${String(digit).repeat(36)}.partial`;

it('saves though one of the leftovers cannot be removed, and removes the others', async () => {
  const files = new Map([1, 2].map((digit) => [partial(digit), new Uint8Array()]));
  const store = directoryStore(handleOf(files, partial(1)));
  const folder = new CheckpointFolder(store, { maxToKeep: 1 });
  const saved = await folder.save(2, { a: 'new' });
  expect([...files.keys()]).toEqual([partial(1), 'step=2.safetensors']);
  expect(await folder.load(saved)).toEqual({ a: 'new' });
});

it('says that there is no such checkpoint', async () => {
  const folder = new CheckpointFolder(directoryStore(handleOf(new Map())), { maxToKeep: 1 });
  await expect(folder.load({ name: 'step=1.safetensors' })).rejects.toThrow(
    'load: run/step=1.safetensors: there is no such checkpoint (NotFoundError). ' +
      'Take one that list() returns.',
  );
});
