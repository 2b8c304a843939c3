// Real limits: a file system that is too small, and a limit on the size of files.
import type { SpawnSyncReturns } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleScript } from './bundled-script.js';
import type { WriterOptions } from './killed-writer.js';

let folder = '';
let script = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-small-'));
  script = await bundleScript('killed-writer.ts', folder);
});

afterAll(async () => rm(folder, { recursive: true }));

/** Runs the writer in a shell, after other commands. */
function run(before: string, options: WriterOptions): SpawnSyncReturns<string> {
  const command = `${before} && exec "$NODE" "$SCRIPT" "$OPTIONS"`;
  const env = { NODE: process.execPath, SCRIPT: script, OPTIONS: JSON.stringify(options) };
  return spawnSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, ...env } });
}

it('explains that a file is larger than ulimit allows, and leaves the old one', async () => {
  const place = join(folder, 'limited');
  await mkdir(place);
  await writeFile(join(place, 'mean.bin'), 'old');
  const files = { 'mean.bin': 100_000 };
  const common = { output: join(place, 'mean.bin'), files, seed: 1, unit: 50_000, force: true };
  const { status, stderr } = run('ulimit -f 64', common);
  expect(status).toBe(1);
  expect(stderr).toContain('(EFBIG). The output needs 100.0 kB.');
  expect(await readdir(place)).toEqual(['mean.bin']);
  expect(await readFile(join(place, 'mean.bin'), 'utf8')).toBe('old');
});

// A file system of 1 MB, which ends with the shell that mounts it.
const small = join(tmpdir(), `polyak-tmpfs-${process.pid}`);
const mounted = (steps: string): string =>
  `mkdir -p ${small} && unshare --user --map-root-user --mount sh -c '` +
  `mount -t tmpfs -o size=1m none ${small} && cd ${small} && ${steps}'; rmdir ${small}; false`;
const write = '"$NODE" "$SCRIPT" "$OPTIONS"';
const canMount = spawnSync('sh', ['-c', mounted('echo ready')]).stdout.toString() === 'ready\n';
if (!canMount) console.log('[small-disk] skipped: a user cannot mount a file system here');

it.skipIf(!canMount)('says before it writes that a disk is too small', () => {
  const files = { 'mean.bin': 3_000_000 };
  const options = { output: join(small, 'mean.bin'), files, seed: 1, unit: 50_000, force: true };
  const steps = `echo old > mean.bin; ${write}; ls -A; cat mean.bin`;
  const { stderr, stdout } = run(mounted(steps), options);
  expect(stderr).toContain('are free (ENOSPC). The output needs 3.0 MB.');
  expect(stdout).toBe('begin\nmean.bin\nold\n');
});

it.skipIf(!canMount)(
  'keeps the old file if the disk fills up, and resumes when there is space',
  () => {
    const files = { 'mean.bin': 600_000 };
    const common = { output: join(small, 'mean.bin'), files, seed: 1, unit: 50_000, force: true };
    const options = { ...common, fill: join(small, 'filler') };
    const steps = `echo old > mean.bin; ${write}; ls -A; cat mean.bin; rm filler; ${write}; ls -A`;
    const { stderr, stdout } = run(mounted(steps), options);
    expect(stderr).toContain('the disk is full (ENOSPC). The output needs 600.0 kB.');
    const left = '.mean.bin.polyak-journal\n.mean.bin.polyak-partial\nfiller\nmean.bin\nold\n';
    expect(stdout).toBe(`begin\n${left}begin\nmean.bin\n`);
  },
);
