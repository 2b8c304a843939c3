// Tensors whose buffers are transferred, such as to a worker, in the middle of a save.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import type { FolderStore } from '@polyak/checkpoints/saving';
import { afterEach, beforeEach, expect, it } from 'vitest';

let path = '';
beforeEach(async () => (path = await mkdtemp(join(tmpdir(), 'polyak-transferred-'))));
afterEach(async () => rm(path, { recursive: true, force: true }));

function tensorOf(value: number): {
  readonly dtype: 'float32';
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
} {
  return { dtype: 'float32', shape: [20_000], data: new Float32Array(20_000).fill(value) };
}

/** A folder of one checkpoint, whose writer is told of each chunk before it gets it. */
function folderOf(onChunk: (chunk: Uint8Array) => void): CheckpointFolder {
  const store = fileStore(path);
  const telling: FolderStore = {
    ...store,
    async write(name, chunks) {
      const told = function* (): Generator<Uint8Array> {
        for (const chunk of chunks) {
          onChunk(chunk);
          yield chunk;
        }
      };
      await store.write(name, told());
    },
  };
  return new CheckpointFolder(telling, { maxToKeep: 1 });
}

it.each([0, 1])('end a save that leaves the folder as it was: tensor %i', async (at) => {
  await new CheckpointFolder(fileStore(path), { maxToKeep: 1 }).save(1, { a: 'old' });
  const tensors = [tensorOf(1), tensorOf(2)] as const;
  const { buffer } = tensors[at === 0 ? 0 : 1].data;
  // At the first chunk, which is the header.
  const folder = folderOf(() => {
    if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer] });
  });
  await expect(folder.save(2, { tensors })).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringContaining('has 0 bytes, expected 80000, as before'),
  });
  expect(await readdir(path)).toEqual(['step=1.safetensors']);
  expect(await folder.load({ name: 'step=1.safetensors' })).toEqual({ a: 'old' });
});

it('are whole in the file where their bytes are being written already', async () => {
  const tensors = [tensorOf(1), tensorOf(2)] as const;
  const { buffer } = tensors[0].data;
  let kept: ArrayBuffer | undefined;
  const folder = folderOf((chunk) => {
    if (chunk.buffer !== buffer) return;
    // Once the system has the chunk.
    queueMicrotask(() => (kept = structuredClone(buffer, { transfer: [buffer] })));
  });
  const saved = await folder.save(1, { tensors });
  expect(kept?.byteLength).toBe(80_000);
  expect(await folder.load(saved)).toEqual({ tensors: [tensorOf(1), tensorOf(2)] });
});
