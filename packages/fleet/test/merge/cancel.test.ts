// Merges that are cancelled or hindered while they are published: all of the output, or nothing.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import type { FleetMergeOptions, FleetWorker } from '@polyak/fleet';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { random as seeded } from '../../../../tests/support/sgd.js';
import { bytesIn, filesIn, temporaryFolder, writeModels } from './checkpoints.js';
import { hooked } from './hooked-store.js';
import type { StoreCall } from './hooked-store.js';

const SECOND = 'out-00002-of-00003.safetensors';

describe.skipIf(NO_REDIS !== undefined)('a merge in several files', () => {
  const home = process.cwd();
  let redis: TestRedis;
  let folder = '';
  let inputs: readonly string[] = [];
  let workers: FleetWorker[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
    inputs = writeModels(folder, 2, 3000);
    // The record of a merge has the paths of its inputs as they were given.
    process.chdir(folder);
  });
  afterEach(async () => {
    await stopWorkers();
    process.chdir(home);
    await rm(folder, { recursive: true });
  });

  const work = async (
    before: (call: StoreCall, key: string) => unknown = () => undefined,
  ): Promise<void> => {
    const fleet = { store: hooked(folderStore(folder), before), url: redis.url };
    workers.push(await startWorker(fleet, { onWarning: () => undefined }));
  };
  const stopWorkers = async (): Promise<void> => {
    for (const worker of workers.splice(0)) await worker.close();
  };
  const merge = async (
    output: string,
    options: Partial<FleetMergeOptions> = {},
    store = folderStore(folder),
  ): ReturnType<typeof mergeByFleet> =>
    await mergeByFleet({ store, url: redis.url }, inputs, output, {
      method: mean(2),
      shardBytes: 6100,
      partBytes: 4000,
      onWarning: () => undefined,
      ...options,
    });
  /** The files beside the inputs, and the folder of the fleet if it is there. */
  const left = (): readonly string[] =>
    [...filesIn(folder), ...readdirSync(folder).filter((name) => name.startsWith('.'))].filter(
      (name) => !inputs.includes(name),
    );

  it('is made if it is cancelled while it is published, and the caller knows', async () => {
    const cancel = new AbortController();
    const warnings: string[] = [];
    let published = 0;
    await work((call) => {
      if (call !== 'publish') return undefined;
      published += 1;
      if (published !== 2) return undefined;
      cancel.abort();
      // Until the producer has seen it.
      return setTimeout(500);
    });
    mkdirSync('one');
    await mergeFiles(inputs, 'one/out.safetensors', { method: mean(2), shardBytes: 6100 });
    const files = filesIn(join(folder, 'one'));
    await merge('two/out.safetensors', {
      signal: cancel.signal,
      onWarning: (message) => warnings.push(message),
    });
    expect(warnings).toEqual([expect.stringContaining('is not cancelled any more')]);
    expect(await bytesIn('two', files)).toEqual(await bytesIn('one', files));
    expect(left()).toEqual(['one', 'two'].flatMap((name) => files.map((file) => join(name, file))));
  });

  it('leaves nothing if another object takes the place of one of its files', async () => {
    await work((call, key) => {
      if (call === 'publish' && key === SECOND) writeFileSync(key, 'x');
    });
    await expect(merge('out.safetensors')).rejects.toMatchObject({ code: 'ERR_EXISTS' });
    expect(left()).toEqual([SECOND]);
  });

  it('leaves nothing if it cannot be published', { timeout: 40_000 }, async () => {
    await work((call, key) => {
      if (call === 'publish' && key === SECOND) throw new Error('the disk is full');
    });
    await expect(merge('out.safetensors')).rejects.toThrow('the disk is full');
    expect(left()).toEqual([]);
  });

  it('goes on if an earlier run of the same merge is cancelled late', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    let hasBegun = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      hasBegun = resolve;
    });
    // The first producer is stopped as soon as it is told to cancel.
    const stopped = hooked(folderStore(folder), async () => {
      if (first.signal.aborted) await begun;
    });
    const seen: number[] = [];
    const onParts = (parts: number): unknown => seen.push(parts);
    const waits = merge('out.safetensors', { signal: first.signal, onParts }, stopped);
    const failed = waits.catch((error: unknown) => error);
    const ends = merge('out.safetensors', { signal: second.signal, onParts });
    const aborted = ends.catch((error: unknown) => error);
    while (seen.length < 2) await setTimeout(10);
    first.abort();
    await setTimeout(200);
    second.abort();
    expect(await aborted).toMatchObject({ name: 'AbortError' });
    const made = merge('out.safetensors', { onParts });
    while (seen.length < 3) await setTimeout(10);
    hasBegun();
    expect(String(await failed)).toMatch(/cancelled by another process/);
    await work();
    await made;
    expect(left()).toHaveLength(4);
  });

  it('begins again after one whose producer was killed while it cancelled it', async () => {
    const seen: number[] = [];
    const onParts = (parts: number): unknown => seen.push(parts);
    const first = merge('out.safetensors', { onParts }).catch((error: unknown) => error);
    while (seen.length < 1) await setTimeout(10);
    const [file = ''] = left();
    const { run } = JSON.parse(readFileSync(file, 'utf8')) as { readonly run: string };
    mkdirSync(join(dirname(file), run));
    writeFileSync(join(dirname(file), run, 'publication.json'), '"cancelled"');
    const second = merge('out.safetensors');
    expect(String(await first)).toMatch(/cancelled by another process/);
    await work();
    await second;
    expect(left()).toHaveLength(4);
  });

  it('is there or not, whenever it is cancelled', { timeout: 180_000 }, async () => {
    const random = seeded(7);
    let calls = 0;
    let at = Infinity;
    let cancel = new AbortController();
    const before = async (): Promise<void> => {
      calls += 1;
      if (calls === at) cancel.abort();
      await setTimeout(random() * 4);
    };
    for (let i = 0; i < 2; i += 1) await work(before);
    mkdirSync('one');
    await mergeFiles(inputs, 'one/out.safetensors', { method: mean(2), shardBytes: 6100 });
    const files = filesIn(join(folder, 'one'));
    const expected = await bytesIn('one', files);
    await merge('all/out.safetensors');
    const all = calls;
    const made = ['all', 'one'];
    let cancelled = 0;
    let tooLate = 0;
    for (let i = 0; i < 30; i += 1) {
      cancel = new AbortController();
      [calls, at] = [0, 1 + Math.floor(random() * all * 1.1)];
      const name = `out-${i}`;
      const { signal } = cancel;
      const error: unknown = await merge(`${name}/out.safetensors`, { signal }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const found = filesIn(folder).filter((file) => file.startsWith(`${name}/`));
      const isMade = error === undefined;
      expect({ error, found }).toEqual(
        isMade
          ? { error, found: files.map((file) => join(name, file)) }
          : { error: signal.reason as unknown, found: [] },
      );
      if (isMade) made.push(name);
      if (!isMade) cancelled += 1;
      else if (signal.aborted) tooLate += 1;
    }
    at = Infinity;
    for (const name of made) expect(await bytesIn(name, files)).toEqual(expected);
    await stopWorkers();
    const own = made.flatMap((name) => files.map((file) => join(name, file)));
    expect(left().toSorted()).toEqual(own.toSorted());
    for (const name of ['polyak-merge-parts', 'polyak-merges']) {
      const queue = new Queue(name, { connection: { url: redis.url } });
      const counts = await queue.getJobCounts('active', 'waiting', 'delayed', 'waiting-children');
      expect(Object.values(counts)).toEqual([0, 0, 0, 0]);
      await queue.close();
    }
    expect(cancelled).toBeGreaterThan(5);
    expect(tooLate).toBeGreaterThan(2);
  });
});
