// What killed writers leave in a folder, and what a failing disk does to it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const { disk, onFailingDisk } = await vi.hoisted(async () => import('../failing-disk.js'));
vi.mock(import('node:fs/promises'), onFailingDisk);

let path = '';
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'polyak-store-'));
  disk.reset();
});
afterEach(async () => rm(path, { recursive: true, force: true }));

const folderOf = (): CheckpointFolder => new CheckpointFolder(fileStore(path), { maxToKeep: 1 });

const partial = (pid: number, began: string, host = hostname()): string =>
  `.step=1.safetensors.0123abcd.${pid}.${began}.${host}.partial`;

const beganOf = async (pid: number): Promise<string> => {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

it('removes what ended processes left, and nothing that another one is writing', async () => {
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
  const otherPid = other.pid ?? 0;
  try {
    const [left, old] = [partial(ended, '12'), partial(3, '', 'elsewhere.example')];
    const kept = [
      partial(otherPid, await beganOf(otherPid)),
      partial(process.pid, ''),
      partial(ended, '12', 'another.example'), // of another machine, and new
      '.step=1.safetensors.partial', // not such a name
    ];
    const reused = partial(otherPid, '1'); // the number was another process's before
    for (const name of [left, old, reused, ...kept]) await writeFile(join(path, name), 'part');
    const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
    await utimes(join(path, old), twoDaysAgo, twoDaysAgo);
    await folderOf().save(2, { a: 1 });
    const isLinux = process.platform === 'linux';
    expect((await readdir(path)).toSorted()).toEqual(
      [...kept, ...(isLinux ? [] : [reused]), 'step=2.safetensors'].toSorted(),
    );
  } finally {
    other.kill();
  }
});

it('saves though one of the leftovers cannot be removed, and removes the others', async () => {
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const [stuck, left] = [partial(ended, '12'), partial(ended, '13')];
  await mkdir(join(path, stuck)); // `rm` does not remove folders
  await writeFile(join(path, left), 'part');
  await folderOf().save(2, { a: 1 });
  expect((await readdir(path)).toSorted()).toEqual([stuck, 'step=2.safetensors']);
});

it.runIf(process.platform === 'linux')('removes what a zombie left', async () => {
  // The shell becomes a program that never asks how its child ended.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60']);
  try {
    const pid = Number(String(await new Promise((told) => parent.stdout.once('data', told))));
    const stat = async (): Promise<string> => readFile(`/proc/${pid}/stat`, 'utf8');
    await vi.waitUntil(async () => (await stat()).includes(') Z '), { timeout: 10_000 });
    await writeFile(join(path, partial(pid, await beganOf(pid))), 'part');
    await folderOf().save(2, { a: 1 });
    expect(await readdir(path)).toEqual(['step=2.safetensors']);
  } finally {
    parent.kill();
  }
});

it.each([
  ['ENOSPC', 'the disk is full (ENOSPC).'],
  ['EACCES', 'this process may not do that here (EACCES).'],
  ['EROFS', 'the file system is read-only (EROFS).'],
  ['EIO', 'EIO.'],
])('with %s at any call, leaves whole checkpoints and nothing else', async (code, text) => {
  const old = { a: 'old' };
  await folderOf().save(1, old);
  let failAt = 1;
  for (; failAt < 30; failAt += 1) {
    disk.reset(failAt, code);
    const error: unknown = await folderOf()
      .save(2, { a: 'new' })
      .catch((reason: unknown) => reason);
    const names = await readdir(path);
    disk.reset();
    if (!(error instanceof Error)) break;
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', cause: { code } });
    expect(error.message).toContain(`save: ${path}/step=2.safetensors: ${text} The earlier`);
    expect(await folderOf().load({ name: 'step=1.safetensors' })).toEqual(old);
    // Once it is in its place, the name may not be durable yet: then both are there.
    expect(names.filter((name) => name !== 'step=2.safetensors')).toEqual(['step=1.safetensors']);
    await rm(join(path, 'step=2.safetensors'), { force: true });
  }
  expect(failAt).toBeGreaterThan(5);
  expect(await readdir(path)).toEqual(['step=2.safetensors']);
  expect(await folderOf().load({ name: 'step=2.safetensors' })).toEqual({ a: 'new' });
});
