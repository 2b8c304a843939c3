// Producers and workers while Redis is away.
import { rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { mean } from '@polyak/checkpoints';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { filesIn, temporaryFolder, writeModels } from './checkpoints.js';
import { hooked } from './hooked-store.js';

describe.skipIf(NO_REDIS !== undefined)('where Redis is away', () => {
  let redis: TestRedis;
  let folder = '';
  let inputs: readonly string[] = [];
  beforeEach(async () => {
    redis = await startRedis();
    folder = await temporaryFolder();
    inputs = writeModels(folder, 2, 3000);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  /** A merge whose jobs are in the queue. */
  const begun = async (
    signal?: AbortSignal,
  ): Promise<{ readonly made: Promise<unknown>; readonly warnings: readonly string[] }> => {
    const warnings: string[] = [];
    const begins: number[] = [];
    const fleet = { store: folderStore(folder), url: redis.url.replace('//', '//:secret@') };
    const made = mergeByFleet(fleet, inputs, 'out.safetensors', {
      method: mean(2),
      partBytes: 4000,
      ...(signal !== undefined && { signal }),
      onParts: (parts) => begins.push(parts),
      onWarning: (message) => warnings.push(message),
    });
    const ended = made.catch((error: unknown) => error);
    while (begins.length === 0) await setTimeout(10);
    return { made: ended, warnings };
  };
  const address = (): string => redis.url.slice('redis://'.length);

  it('a merge waits, says so, and is made when it is back', { timeout: 30_000 }, async () => {
    const { made, warnings } = await begun();
    await redis.kill();
    while (warnings.length === 0) await setTimeout(50);
    expect(warnings).toEqual([`Redis is not reached at ${address()}. Waiting for it.`]);
    await redis.start();
    const fleet = { store: folderStore(folder), url: redis.url };
    const worker = await startWorker(fleet, { onWarning: () => undefined });
    expect(await made).toHaveProperty('report');
    await worker.close();
    expect(filesIn(folder)).toEqual([...inputs, 'out.safetensors']);
  });

  it('a merge gives up after a minute, and says what goes on', { timeout: 30_000 }, async () => {
    const { made, warnings } = await begun();
    await redis.kill();
    while (warnings.length === 0) await setTimeout(50);
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 60_000);
    const message = String(await made);
    expect(message).toContain(`Redis has not been reached at ${address()} for a minute (`);
    expect(message).toContain('merge again to follow it');
    expect(message).not.toContain('secret');
    await redis.start();
  });

  it('a merge that is cancelled says that its jobs are left', { timeout: 30_000 }, async () => {
    const cancel = new AbortController();
    const { made, warnings } = await begun(cancel.signal);
    await redis.kill();
    while (warnings.length === 0) await setTimeout(50);
    cancel.abort();
    await setTimeout(500);
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 120_000);
    const error = (await made) as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors[0]).toBe(cancel.signal.reason);
    expect(error.message).toMatch(
      /aborted\. What it has left was not removed: Redis has not been reached/,
    );
    await redis.start();
  });

  it('a merge whose jobs Redis has lost goes on', { timeout: 30_000 }, async () => {
    const client = new Redis(redis.url);
    const { made, warnings } = await begun();
    await client.flushall();
    while (warnings.length === 0) await setTimeout(20);
    expect(warnings).toEqual([
      'Redis does not have the jobs of the merge any more. They are added again.',
    ]);
    // Once more, while a worker makes a part.
    let isLost = false;
    const store = hooked(folderStore(folder), async (call) => {
      if (call !== 'openPartial' || isLost) return;
      isLost = true;
      await client.flushall();
    });
    const options = { onWarning: () => undefined };
    const worker = await startWorker({ store, url: redis.url }, options);
    expect(await made).toHaveProperty('report');
    await worker.close();
    client.disconnect();
    expect(filesIn(folder)).toEqual([...inputs, 'out.safetensors']);
    expect(warnings).toHaveLength(2);
  });

  it('who works and who merges say once that Redis may drop jobs', async () => {
    const client = new Redis(redis.url);
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const printed = vi.spyOn(console, 'warn').mockReturnValue();
    const texts: string[] = [];
    const fleet = { store: folderStore(folder), url: redis.url };
    const worker = await startWorker(fleet, { onWarning: (text) => texts.push(text) });
    const { made, warnings } = await begun();
    expect(await made).toHaveProperty('report');
    await worker.close();
    client.disconnect();
    for (const said of [texts, warnings]) {
      expect(said).toEqual([
        expect.stringMatching(/is allkeys-lru\. Run CONFIG SET maxmemory-policy noeviction/),
      ]);
    }
    expect(printed).not.toHaveBeenCalled();
  });

  it('a worker closes what it has opened where it does not start', async () => {
    const client = new Redis(redis.url);
    const count = async (): Promise<number> =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length;
    const alone = await count();
    const store = folderStore(folder);
    const starting = startWorker({ store, url: redis.url }, { stalledInterval: 0 });
    await expect(starting).rejects.toThrow(/stalledInterval is 0/);
    // A user who is connected, but may not ask for the version.
    await client.acl('SETUSER', 'weak', 'on', '>word', '~*', '&*', '+@all', '-info');
    const url = redis.url.replace('//', '//weak:word@');
    const options = { onWarning: () => undefined };
    await expect(startWorker({ store, url }, options)).rejects.toThrow(/NOPERM/);
    for (let tries = 0; tries < 50 && (await count()) > alone; tries += 1) await setTimeout(20);
    expect(await count()).toBe(alone);
    client.disconnect();
  });
});
