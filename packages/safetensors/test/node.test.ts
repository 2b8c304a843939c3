import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSafetensors, layoutOf, openSafetensors } from '@polyak/safetensors';
import { openFile } from '@polyak/safetensors/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('openFile', () => {
  let folder = '';
  const inFolder = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyak-open-file-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads a safetensors file by name', async () => {
    const weight = { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) } as const;
    writeFileSync(inFolder('w.safetensors'), encodeSafetensors({ weight }));
    const file = await openFile(inFolder('w.safetensors'));
    const reader = await openSafetensors(file);
    expect(await reader.read('weight', { begin: 1, end: 3 })).toEqual({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(2, 3),
    });
    await file.close();
    await expect(reader.read('weight')).rejects.toThrow(/closed/);
  });

  it('ends what is being read before it closes', async () => {
    const length = 2 ** 26;
    writeFileSync(inFolder('long'), new Uint8Array(length).fill(7));
    const file = await openFile(inFolder('long'));
    const parts = Array.from({ length: 2 }, () => new Uint8Array(length));
    const reads = Promise.all(parts.map((part) => file.readInto(0, part)));
    await file.close();
    const unread = parts.filter((part) => part.at(-1) !== 7).length;
    await reads;
    expect(unread).toBe(0);
  });

  it('reads behind 2^32 bytes of a file', async () => {
    const { header, tensors } = layoutOf(
      new Map([
        ['a', { dtype: 'float32', shape: [2 ** 30 + 2] }],
        ['b', { dtype: 'uint8', shape: [4] }],
      ]),
    );
    const path = inFolder('sparse.safetensors');
    const handle = await open(path, 'w');
    await handle.write(header);
    // The rest of the file takes no room on the disk.
    await handle.write(Uint8Array.of(5, 6, 7, 8), 0, 4, tensors[1]?.begin);
    await handle.close();
    const file = await openFile(path);
    const reader = await openSafetensors(file);
    expect(file.size).toBeGreaterThan(2 ** 32);
    expect((await reader.read('b', { begin: 1, end: 4 })).data).toEqual(Uint8Array.of(6, 7, 8));
    await file.close();
  });

  it.runIf(process.platform !== 'win32')('refuses folders, pipes and devices', async () => {
    execFileSync('mkfifo', [inFolder('pipe')]);
    await expect(openFile(folder)).rejects.toThrow(/is a folder, expected a file/);
    await expect(openFile(inFolder('pipe'))).rejects.toThrow(/pipe is a pipe, expected a file/);
    await expect(openFile('/dev/null')).rejects.toThrow(/is a device or socket/);
    await expect(openFile(inFolder('none'))).rejects.toThrow(/ENOENT/);
  });

  it('names a file that became shorter', async () => {
    writeFileSync(inFolder('short'), new Uint8Array(100));
    const file = await openFile(inFolder('short'));
    truncateSync(inFolder('short'), 60);
    expect((await file.read(0, 60)).byteLength).toBe(60);
    await expect(file.read(50, 20)).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_CHECKPOINT',
        message: expect.stringMatching(/short ends at 60, but had 100 bytes/),
      }),
    );
    await expect(file.read(90, 11)).rejects.toThrow(/there are 100 bytes, not 11 at 90/);
    await file.close();
  });
});
