import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { methodOf } from '@polyak/checkpoints/methods';
import type { FleetMergeOptions, FleetWorker } from '@polyak/fleet';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import type { Job } from 'bullmq';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { filesIn, temporaryFolder, writeModels } from './checkpoints.js';

const FLEET = '.polyak-fleet';

describe.skipIf(NO_REDIS !== undefined)('a fleet refuses', () => {
  let redis: TestRedis;
  let client: Redis;
  let folder = '';
  let inputs: readonly string[] = [];
  let worker: FleetWorker | undefined;

  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });
  beforeEach(async () => {
    await client.flushall();
    folder = await temporaryFolder();
    inputs = writeModels(folder, 2, 3_000);
  });
  afterEach(async () => {
    await worker?.close();
    worker = undefined;
    await rm(folder, { recursive: true });
  });

  const work = async (): Promise<void> => {
    const onWarning = (): void => undefined;
    worker = await startWorker({ store: folderStore(folder), url: redis.url }, { onWarning });
  };
  const merge = async (
    { url = redis.url, ...options }: Partial<FleetMergeOptions> & { readonly url?: string } = {},
    names = inputs,
    output = 'out.safetensors',
  ): ReturnType<typeof mergeByFleet> =>
    await mergeByFleet({ store: folderStore(folder), url }, names, output, {
      method: mean(names.length),
      partBytes: 4_000,
      onWarning: () => undefined,
      ...options,
    });
  /** The jobs of a merge that waits for a worker. */
  const queued = async (): Promise<readonly Job[]> => {
    const parts = new Queue('polyak-merge-parts', { connection: { url: redis.url } });
    for (;;) {
      const jobs = await parts.getWaiting();
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (jobs.length > 2) {
        await parts.close();
        return jobs;
      }
    }
  };

  it('an input that changes before its part is made, and leaves nothing', async () => {
    const made = merge();
    const failed = made.catch((error: unknown) => error);
    const expected = {
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/^model-1\.safetensors changed or vanished/) as string,
    };
    await queued();
    utimesSync(join(folder, 'model-1.safetensors'), 1, 1);
    await work();
    expect(await failed).toMatchObject(expected);
    expect(filesIn(folder)).toEqual(inputs);
    const counts = new Queue('polyak-merge-parts', { connection: { url: redis.url } });
    // What failed is shown to those who look; it was not tried again.
    const [job] = await counts.getFailed();
    expect(job).toMatchObject({ attemptsMade: 1 });
    await counts.close();
  });

  it('an input that vanishes', async () => {
    const made = merge();
    const failed = made.catch((error: unknown) => error);
    await queued();
    await rm(join(folder, 'model-0.safetensors'));
    await work();
    expect(String(await failed)).toMatch(/model-0\.safetensors changed or vanished/);
    expect(filesIn(folder)).toEqual(['model-1.safetensors']);
  });

  /** A merge as it is in the store while it goes on; its jobs are gone. */
  const begun = async (): Promise<{
    readonly reference: { readonly merge: string; readonly run: string };
    readonly request: object;
  }> => {
    const cancel = new AbortController();
    const made = merge({ signal: cancel.signal });
    const ended = made.catch((error: unknown) => error);
    const [job] = await queued();
    const { part: _, ...reference } = (job as Job).data as Awaited<
      ReturnType<typeof begun>
    >['reference'] & {
      readonly part: number;
    };
    const key = join(folder, FLEET, reference.merge, 'merge.json');
    const text = await readFile(key, 'utf8');
    cancel.abort();
    expect(await ended).toMatchObject({ name: 'AbortError' });
    await mkdir(dirname(key), { recursive: true });
    writeFileSync(key, text);
    return { reference, request: (JSON.parse(text) as { readonly request: object }).request };
  };
  /** Stores a merge as one would who knows how ids are made. */
  const forged = (request: object, run: string): string => {
    const id = createHash('sha256').update(JSON.stringify(request)).digest('hex').slice(0, 32);
    mkdirSync(join(folder, FLEET, id), { recursive: true });
    writeFileSync(join(folder, FLEET, id, 'merge.json'), JSON.stringify({ request, run }));
    return id;
  };

  it('jobs that refer to something else, and writes nothing for them', async () => {
    const { reference } = await begun();
    for (const [data, message] of [
      [{ merge: '../../etc', run: '00000000' }, /which is no merge/],
      [{ merge: 7, run: null }, /which is no merge/],
      [{ part: 99 }, /none is 99/],
      [{ part: '../0' }, /none is "\.\.\/0"/],
      [{ part: 'length' }, /none is "length"/],
      [{ run: '01234567' }, /^ERR_CHECKPOINT: the run \w+ of the merge \w+ has ended/],
      [{ merge: '0'.repeat(32) }, /^ERR_CHECKPOINT: the run \w+ of the merge \w+ has ended/],
    ] as const) {
      expect(await failure({ ...reference, part: 0, ...data })).toMatch(message);
    }
    expect(filesIn(folder)).toEqual([`${FLEET}/${reference.merge}/merge.json`, ...inputs]);
  });

  it('a merge in the store that is not what its id stands for, or leads elsewhere', async () => {
    const { reference, request } = await begun();
    const { merge: id, run } = reference;
    const path = join(folder, FLEET, id, 'merge.json');
    for (const [changed, message] of [
      [{ output: '../out.safetensors' }, /no key of a store/],
      [{ inputs: ['/etc/passwd'] }, /no key of a store/],
      [{ base: 'a/../../b' }, /no key of a store/],
      [{ files: [{ key: `${FLEET}/x`, byteLength: 1 }] }, /keep their own objects/],
      [{ plan: '0' }, /^ERR_MISMATCH: out\.safetensors: this worker would write other headers/],
    ] as const) {
      writeFileSync(path, JSON.stringify({ request: { ...request, ...changed }, run }));
      expect(await failure({ merge: id, run, part: 0 })).toMatch(/stands for another request/);
      const own = forged({ ...request, ...changed }, run);
      expect(await failure({ merge: own, run, part: 0 })).toMatch(message);
    }
    writeFileSync(path, '{');
    expect(await failure({ merge: id, run, part: 0 })).toMatch(/merge\.json is no merge/);
    expect(filesIn(folder).filter((name) => !name.endsWith('merge.json'))).toEqual(inputs);
  });

  it('what cannot be merged, before anything is queued', async () => {
    const own = { ...methodOf('slerp', { t: 0.5 }), name: 'mine' };
    await expect(merge({ method: own })).rejects.toThrow(/^mergeByFleet: the method "mine"/);
    await expect(merge({}, inputs, 'model-0.safetensors')).rejects.toThrow(/name another output/);
    await expect(merge({}, inputs, '../out.safetensors')).rejects.toThrow(/no key of a store/);
    await expect(merge({}, inputs, `${FLEET}/out.safetensors`)).rejects.toThrow(/own objects/);
    await expect(merge({}, ['../a'])).rejects.toThrow(/no key of a store/);
    await expect(merge({}, ['a.safetensors'])).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    await expect(merge({ partBytes: 0 })).rejects.toThrow(/partBytes is 0/);
    await expect(merge({ shardBytes: Infinity })).rejects.toThrow(/shardBytes is Infinity/);
    await expect(merge({}, 'model-0.safetensors' as never)).rejects.toThrow(/no list of keys/);
    await expect(merge({}, [7 as never])).rejects.toThrow(TypeError);
    await expect(merge({ url: 'localhost:6379' })).rejects.toThrow(
      /^the URL of Redis does not begin/,
    );
    await expect(merge({ nonFinite: 'x' as 'skip' })).rejects.toThrow(RangeError);
    await expect(merge({ signal: AbortSignal.abort() })).rejects.toThrow(/aborted/);
    writeFileSync(join(folder, 'out.safetensors'), 'x');
    await expect(merge()).rejects.toMatchObject({ code: 'ERR_EXISTS' });
    expect(filesIn(folder)).toEqual([...inputs, 'out.safetensors']);
    expect(await client.keys('*:merge-*')).toEqual([]);
    await work();
    await merge({ force: true });
    await expect(merge({ dtype: 'float16' })).rejects.toMatchObject({ code: 'ERR_EXISTS' });
  });

  it('a Redis that is not there', async () => {
    const url = 'redis://:secret@127.0.0.1:1';
    const message = /^Redis is not reached at 127\.0\.0\.1:1 \(/;
    await expect(merge({ url })).rejects.toThrow(message);
    await expect(startWorker({ store: folderStore(folder), url })).rejects.toThrow(message);
    expect(filesIn(folder)).toEqual(inputs);
  });

  /** Why a worker refuses the data of a job. */
  async function failure(data: object): Promise<string> {
    if (worker === undefined) await work();
    const parts = new Queue('polyak-merge-parts', { connection: { url: redis.url } });
    const job = await parts.add('hostile', data, {
      jobId: `hostile-${randomBytes(4).toString('hex')}`,
      attempts: 5,
    });
    while ((await job.getState()) !== 'failed') {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const failed = (await parts.getJob(job.id ?? '')) as Job | undefined;
    await parts.close();
    return failed?.failedReason ?? '';
  }
});
