// A merge in a store whose disk is too small: a file system of 512 kB, which ends with its process.
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { bundleScript } from '../support/bundled-script.js';
import { temporaryFolder } from './checkpoints.js';

const MOUNTED = ['--user', '--map-root-user', '--mount', 'sh', '-c'];
const SCRIPT = join(import.meta.dirname, 'merge-on-small-disk.ts');
const MOUNT = 'mount -t tmpfs -o size=512k none "$PLACE" && cd "$PLACE" &&';
const canMount = spawnSync('unshare', [...MOUNTED, 'mount -t tmpfs none /mnt']).status === 0;
if (!canMount) console.log('[full-disk] skipped: a user cannot mount a file system here');

describe.skipIf(!canMount || NO_REDIS !== undefined)('a merge in a store of 512 kB', () => {
  let redis: TestRedis;
  let folder = '';
  beforeAll(async () => {
    redis = await startRedis();
    folder = await temporaryFolder();
  });
  afterAll(async () => {
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  const merge = async (elements: number): Promise<unknown> => {
    const place = join(folder, 'place');
    await mkdir(place, { recursive: true });
    const script = await bundleScript(SCRIPT, folder);
    const command = `${MOUNT} exec "$NODE" "$SCRIPT" ${redis.url} ${elements}`;
    const env = { ...process.env, PLACE: place, NODE: process.execPath, SCRIPT: script };
    const ran = await promisify(execFile)('unshare', [...MOUNTED, command], { env });
    return JSON.parse(ran.stdout);
  };

  it('is made if it fits', { timeout: 60_000 }, async () => {
    expect(await merge(20_000)).toEqual({
      outcome: 'made',
      files: ['model-0.safetensors', 'model-1.safetensors', 'out.safetensors'],
    });
  });

  it('says that the disk is full, and leaves nothing', { timeout: 60_000 }, async () => {
    expect(await merge(36_000)).toEqual({
      outcome:
        `Error: ${join(folder, 'place')}: the disk is full (ENOSPC). ` +
        'Free space there, and try again.',
      files: ['model-0.safetensors', 'model-1.safetensors'],
    });
  });
});
