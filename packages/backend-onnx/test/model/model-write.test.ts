// Writes that break off half-way: a disk that is full.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { modelBytes } from '../model-builder.js';
import { gemm, withModel } from '../small-model.js';

/** The writes that succeed from now on. */
let room = Infinity;
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const open = async (...given: Parameters<typeof real.open>): Promise<FileHandle> => {
    const handle = await real.open(...given);
    const write = handle.write.bind(handle) as (...args: unknown[]) => unknown;
    return Object.assign(handle, {
      write: async (...args: unknown[]) => {
        if ((room -= 1) < 0) throw new Error('disk full');
        return write(...args);
      },
    });
  };
  return { ...real, open };
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-write-'));
});
afterAll(async () => rm(folder, { recursive: true }));

it.each([0, 1])('a save that breaks off after %i writes leaves the old file', async (writes) => {
  const path = join(folder, 'model.onnx');
  await writeFile(path, 'old');
  await withModel(modelBytes(gemm()), async (loaded) => {
    for (const externalData of [false, true]) {
      room = externalData ? 0 : writes;
      await expect(loaded.save(path, { externalData })).rejects.toThrow('disk full');
    }
    room = Infinity;
    expect(await readdir(folder)).toEqual(['model.onnx']);
    expect(await readFile(path, 'utf8')).toBe('old');
    await loaded.save(path);
    expect(await readFile(path)).not.toHaveLength(3);
  });
});
