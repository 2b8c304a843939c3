// Real limits: a file system that is too small, and a limit on the size of files.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleScript } from '../files/bundled-script.js';
import type { Filled } from './filling-saver.js';

let home = '';
let script = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'polyak-full-'));
  script = await bundleScript(fileURLToPath(new URL('filling-saver.ts', import.meta.url)), home);
}, 120_000);

afterAll(async () => rm(home, { recursive: true }));

/** Runs the saver in a shell that sets limits. */
function fill(before: string, folder: string, limit: 'file' | 'disk'): Filled {
  const env = { ...process.env, NODE: process.execPath, SCRIPT: script, FOLDER: folder };
  const command = `${before} "$NODE" "$SCRIPT" "$FOLDER" ${limit}`;
  const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', env });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Filled;
}

function expectWhole({ error, names, sums, afterwards }: Filled): void {
  expect(names.length).toBeGreaterThan(1);
  // Nothing but checkpoints, and each holds what was saved.
  const steps = names.map((_, index) => index + 1);
  expect(names.toSorted()).toEqual(steps.map((step) => `step=${step}.safetensors`).toSorted());
  expect(sums).toEqual(Object.fromEntries(steps.map((step) => [step, step])));
  expect(error.message).toContain('The earlier checkpoints are as they were. Free space, or save');
  expect(afterwards).toHaveLength(names.length);
}

it('explains that a file is larger than ulimit allows, and keeps the earlier ones', async () => {
  const folder = join(home, 'limited');
  await mkdir(folder);
  const filled = fill('ulimit -f 64 && exec', folder, 'file');
  expect(filled.error).toMatchObject({ code: 'ERR_CHECKPOINT', cause: 'EFBIG' });
  expect(filled.error.message).toContain('`ulimit -f` allows (EFBIG).');
  expectWhole(filled);
});

// A file system of 1 MB, which ends with the shell that mounts it.
const small = join(tmpdir(), `polyak-full-disk-${process.pid}`);
const mounted =
  `mkdir -p ${small} && unshare --user --map-root-user --mount sh -c ` +
  `'mount -t tmpfs -o size=1m none ${small} && exec "$@"' sh`;
const probe = spawnSync('sh', ['-c', `${mounted} echo ready`]).stdout.toString();
const canMount = probe === 'ready\n';
if (!canMount) console.log('[full-disk] skipped: a user cannot mount a file system here');

it.skipIf(!canMount)('explains that the disk is full, and keeps the earlier checkpoints', () => {
  const filled = fill(mounted, small, 'disk');
  expect(filled.error).toMatchObject({ code: 'ERR_CHECKPOINT', cause: 'ENOSPC' });
  expect(filled.error.message).toContain('the disk is full (ENOSPC).');
  expectWhole(filled);
});

afterAll(async () => rm(small, { recursive: true, force: true }));
