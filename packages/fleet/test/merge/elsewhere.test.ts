// Workers whose store is not that of the merge, beside others and alone.
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import type { FleetWorker } from '@polyak/fleet';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { bytesIn, filesIn, temporaryFolder, writeModels } from './checkpoints.js';
import { hooked } from './hooked-store.js';

describe.skipIf(NO_REDIS !== undefined)('a worker whose store does not have the merge', () => {
  const home = process.cwd();
  let redis: TestRedis;
  let folder = '';
  let elsewhere = '';
  let inputs: readonly string[] = [];
  let workers: FleetWorker[] = [];
  beforeEach(async () => {
    redis = await startRedis();
    folder = await temporaryFolder();
    elsewhere = await temporaryFolder();
    inputs = writeModels(folder, 2, 3000);
    process.chdir(folder);
    mkdirSync('one');
    await mergeFiles(inputs, 'one/out.safetensors', { method: mean(2) });
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.close();
    workers = [];
    await redis.stop();
    process.chdir(home);
    await rm(folder, { recursive: true });
    await rm(elsewhere, { recursive: true, force: true });
  });

  const work = async (path: string): Promise<readonly string[]> => {
    const warnings: string[] = [];
    const options = { onWarning: (text: string) => warnings.push(text) };
    workers.push(await startWorker({ store: folderStore(path), url: redis.url }, options));
    return warnings;
  };
  /** Merges; gives what the caller is warned of. */
  const merged = async (whenBegun: () => unknown = () => undefined): Promise<readonly string[]> => {
    const warnings: string[] = [];
    await mergeByFleet({ store: folderStore(folder), url: redis.url }, inputs, 'out.safetensors', {
      method: mean(2),
      partBytes: 4000,
      onParts: whenBegun,
      onWarning: (text) => warnings.push(text),
    });
    const [made] = await bytesIn(folder, ['out.safetensors']);
    expect(made).toEqual((await bytesIn('one', ['out.safetensors']))[0]);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
    return warnings;
  };

  it('leaves its jobs to others, and both consoles name it', { timeout: 30_000 }, async () => {
    const wrong = await work(elsewhere);
    const making = merged();
    while (wrong.length === 0) await setTimeout(20);
    // Longer than a job that fails is tried.
    await setTimeout(5000);
    const right = await work(folder);
    const warnings = await making;
    expect(warnings).toHaveLength(1);
    for (const text of [...wrong, ...warnings]) {
      expect(text).toContain(
        `a worker on ${hostname()} does not find the merge of out.safetensors`,
      );
      expect(text).toContain(elsewhere);
    }
    expect(right).toEqual([]);
    expect(filesIn(elsewhere)).toEqual([]);
  });

  it('does them where its folder comes back', { timeout: 30_000 }, async () => {
    const mount = (): void => {
      rmSync(elsewhere, { recursive: true });
      symlinkSync(folder, elsewhere);
    };
    mount();
    let isMounted = true;
    const warnings: string[] = [];
    const store = hooked(folderStore(elsewhere), (call) => {
      if (call !== 'openPartial' || !isMounted) return;
      isMounted = false;
      rmSync(elsewhere);
      mkdirSync(elsewhere);
    });
    const onWarning = (text: string): void => {
      warnings.push(text);
      mount();
    };
    workers.push(await startWorker({ store, url: redis.url }, { onWarning }));
    expect(await merged()).toEqual(warnings);
    expect(warnings).toHaveLength(1);
  });

  it('fails a job that nobody could do for a long time', { timeout: 30_000 }, async () => {
    const parts = new Queue('polyak-merge-parts', { connection: { url: redis.url } });
    const client = new Redis(redis.url);
    const failed = merged(async () => {
      for (const { id = '' } of await parts.getWaiting()) {
        await client.hset(parts.toKey(id), 'ats', 40);
      }
      await parts.close();
      client.disconnect();
      await work(elsewhere);
    });
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining(`in its store, ${elsewhere}`) as string,
    });
    expect(filesIn(folder)).toEqual([...inputs, 'one/out.safetensors']);
  });

  it('is told where the record of the merge is gone', { timeout: 30_000 }, async () => {
    const gone = merged(() => rmSync('.polyak-fleet', { recursive: true }));
    await expect(gone).rejects.toThrow(/does not have the record of the merge any more/);
    await work(folder);
    expect(await merged()).toEqual([]);
  });
});
