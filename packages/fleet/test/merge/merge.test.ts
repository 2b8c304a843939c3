import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mean, weighted } from '@polyak/checkpoints';
import { methodOf } from '@polyak/checkpoints/methods';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import { mergeFiles } from '@polyak/checkpoints/node';
import type { FleetMergeOptions, FleetWorker } from '@polyak/fleet';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import type { Job } from 'bullmq';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { bytesIn, filesIn, opened, temporaryFolder, writeModels } from './checkpoints.js';

const ONNX = new URL('../../../backend-onnx/test/fixtures/conv.onnx', import.meta.url);

describe.skipIf(NO_REDIS !== undefined)('mergeByFleet', () => {
  const home = process.cwd();
  let redis: TestRedis;
  let folder = '';
  let inputs: readonly string[] = [];
  let worker: FleetWorker | undefined;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    folder = await temporaryFolder();
    inputs = writeModels(folder, 3);
    for (const name of ['one', 'fleet']) mkdirSync(join(folder, name));
    // The record of a merge has the paths of its inputs as they were given.
    process.chdir(folder);
  });
  afterEach(async () => {
    await worker?.close();
    worker = undefined;
    process.chdir(home);
    await rm(folder, { recursive: true });
  });

  const work = async (): Promise<void> => {
    const fleet = { store: folderStore(folder), url: redis.url };
    const onWarning = (): void => undefined;
    worker = await startWorker(fleet, { lockDuration: 2000, stalledInterval: 500, onWarning });
  };
  const merge = async (
    names: readonly string[],
    output: string,
    options: Partial<FleetMergeOptions> & Pick<FleetMergeOptions, 'method'>,
  ): ReturnType<typeof mergeByFleet> =>
    await mergeByFleet({ store: folderStore(folder), url: redis.url }, names, output, {
      partBytes: 20_000,
      onWarning: () => undefined,
      ...options,
    });

  /** Merges on one machine and by a fleet, and compares all files of the output. */
  const compare = async (
    names: readonly string[],
    output: string,
    options: MergeFilesOptions,
    partBytes = 20_000,
  ): Promise<number> => {
    let parts = 0;
    const alone = await mergeFiles(names, `one/${output}`, options);
    const made = await merge(names, `fleet/${output}`, {
      ...options,
      partBytes,
      onParts: (count) => (parts = count),
    });
    const files = filesIn(join(folder, 'one'));
    expect(filesIn(join(folder, 'fleet'))).toEqual(files);
    expect(await bytesIn(join(folder, 'fleet'), files)).toEqual(
      await bytesIn(join(folder, 'one'), files),
    );
    const { fromLast, nonFinite } = made.report;
    if (alone.kind === 'merged') expect(alone.report).toMatchObject({ fromLast, nonFinite });
    expect(filesIn(folder).filter((name) => name.startsWith('.'))).toEqual([]);
    return parts;
  };

  describe('makes the bytes that one machine makes', () => {
    it('of a mean', async () => {
      await work();
      expect(await compare(inputs, 'out.safetensors', { method: mean(3) })).toBe(10);
    });

    it('of a weighted sum in another type, renamed, and of parts of an odd length', async () => {
      await work();
      const names = { rename: [{ from: '*.weight', to: 'w.*' }], exclude: ['norm.*'] };
      const options = { method: weighted([0.5, 2, -1]), dtype: 'bfloat16', names } as const;
      expect(await compare(inputs, 'out.safetensors', options, 7_777)).toBe(12);
    });

    it('of TIES, whose tensors are parts each', async () => {
      await work();
      const [base = '', ...models] = inputs;
      const options = { method: methodOf('ties', { density: 0.3 }), base };
      expect(await compare(models, 'out.safetensors', options)).toBe(3);
    });

    it('in several files with an index', async () => {
      await work();
      const options = { method: mean(3), shardBytes: 50_000 };
      await compare(inputs, 'out.safetensors', options);
      expect(filesIn(join(folder, 'fleet'))).toHaveLength(4);
    });

    it('from several files with an index, with numbers that are not finite', async () => {
      await mergeFiles(inputs, 'cut.safetensors', { method: mean(3), shardBytes: 50_000 });
      await work();
      const both = ['cut.safetensors.index.json', 'model-1.safetensors'];
      await setFloat(folder, 'model-1.safetensors', 'head.weight', 3, Infinity);
      await setFloat(folder, 'model-1.safetensors', 'head.weight', 9_000, NaN);
      const options = { method: mean(2), nonFinite: 'skip' } as const;
      await compare(both, 'out.safetensors', options);
      await expect(merge(both, 'refused.safetensors', { method: mean(2) })).rejects.toMatchObject({
        code: 'ERR_NON_FINITE',
        message: expect.stringContaining('"head.weight" is Infinity at element 3') as string,
      });
      expect(filesIn(folder).filter((name) => /^\.|refused/.test(name))).toEqual([]);
    });

    it('of an ONNX model', async () => {
      const models = ['a.onnx', 'b.onnx'];
      for (const name of models) writeFileSync(name, readFileSync(ONNX));
      const model = await opened(folder, 'a.onnx');
      await model.close();
      const [name = ''] = [...model.tensors].find(([, { dtype }]) => dtype === 'float32') ?? [];
      await setFloat(folder, 'b.onnx', name, 0, 42);
      await work();
      expect(await compare(models, 'out.onnx', { method: mean(2) }, 100)).toBeGreaterThan(2);
    });
  });

  it('makes a part twice without harm, and refuses one that comes after the end', async () => {
    const parts = new Queue('polyak-merge-parts', { connection: { url: redis.url } });
    const made = merge(inputs, 'out.safetensors', { method: mean(3) });
    const [job] = await until(
      () => parts.getWaiting(),
      (jobs) => jobs.length === 10,
    );
    for (const jobId of ['again', 'and-again']) {
      await parts.add('again', job?.data, { jobId, lifo: true });
    }
    await work();
    await made;
    for (const jobId of ['again', 'and-again']) {
      const again = (await parts.getJob(jobId)) as Job | undefined;
      expect(await again?.getState()).toBe('completed');
    }
    const late = await parts.add('late', job?.data, { jobId: 'late' });
    expect(
      await until(
        () => late.getState(),
        (state) => state === 'failed',
      ),
    ).toBe('failed');
    expect((await parts.getJob('late'))?.failedReason).toMatch(/the merge \w+ has ended/);
    expect(filesIn(folder)).toEqual([...inputs, 'out.safetensors']);
    await mergeFiles(inputs, 'one/out.safetensors', { method: mean(3) });
    const [one, fleet] = await bytesIn(folder, ['one/out.safetensors', 'out.safetensors']);
    expect(fleet).toEqual(one);
    await parts.close();
  });

  it('is one merge for two that ask for it, and for one that asks again', async () => {
    const parts = new Queue('polyak-merge-parts', { connection: { url: redis.url } });
    await parts.obliterate();
    const options = { method: mean(3), partBytes: 20_000 };
    const both = [1, 2].map(() => merge(inputs, 'out.safetensors', options));
    await until(
      () => parts.getWaitingCount(),
      (count) => count > 0,
    );
    await work();
    const [first, second] = await Promise.all(both);
    expect(first?.report).toEqual(second?.report);
    expect((await merge(inputs, 'out.safetensors', options)).report).toEqual(first?.report);
    expect(await parts.getCompletedCount()).toBe(10);
    // Another process may have replaced it.
    writeFileSync('out.safetensors', 'x');
    await expect(merge(inputs, 'out.safetensors', options)).rejects.toMatchObject({
      code: 'ERR_EXISTS',
    });
    await rm('out.safetensors');
    await merge(inputs, 'out.safetensors', options);
    expect(filesIn(folder)).toEqual([...inputs, 'out.safetensors']);
    await parts.close();
  });

  it('keeps less than 2 kB of each job in Redis, and makes progress known', async () => {
    const client = new Redis(redis.url);
    await client.flushall();
    const progress: number[] = [];
    const made = merge(inputs, 'out.safetensors', {
      method: mean(3),
      onProgress: ({ done, total }) => progress.push(done / total),
    });
    const keys = await until(
      () => client.keys('bull:polyak-merge*:merge-*'),
      (k) => k.length > 9,
    );
    const requireSmall = async (key: string): Promise<void> => {
      // By all fields, not an estimate. None where it was removed meanwhile, as locks are.
      expect((await client.memory('USAGE', key, 'SAMPLES', 0)) ?? 0).toBeLessThan(2000);
    };
    for (const key of keys) await requireSmall(key);
    await work();
    await made;
    expect([progress[0], progress.at(-1)]).toEqual([0, 1]);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    for (const key of await client.keys('bull:polyak-merge*:merge-*')) await requireSmall(key);
    client.disconnect();
  });

  it('says that there is no worker, and leaves nothing when it is cancelled', async () => {
    const client = new Redis(redis.url);
    await client.flushall();
    const cancel = new AbortController();
    const warnings: string[] = [];
    const made = merge(inputs, 'out.safetensors', {
      method: mean(3),
      signal: cancel.signal,
      onWarning: (message) => {
        warnings.push(message);
        cancel.abort();
      },
    });
    await expect(made).rejects.toMatchObject({ name: 'AbortError' });
    expect(warnings).toEqual([expect.stringMatching(/^no worker is connected/)]);
    expect(filesIn(folder)).toEqual(inputs);
    expect(await client.keys('bull:*:merge-*')).toEqual([]);
    client.disconnect();
  });

  it('leaves nothing when it is cancelled at work', async () => {
    await work();
    for (let after = 0; after < 5; after += 1) {
      const cancel = new AbortController();
      const output = `out-${after}.safetensors`;
      const made = merge(inputs, output, {
        method: mean(3),
        partBytes: 1000,
        signal: cancel.signal,
        onProgress: ({ done }) => {
          if (done > 0) cancel.abort();
        },
      });
      await expect(made).rejects.toMatchObject({ name: 'AbortError' });
    }
    await worker?.close();
    worker = undefined;
    expect(filesIn(folder)).toEqual(inputs);
  });
});

/** Changes an element of a tensor in a file. */
async function setFloat(
  folder: string,
  file: string,
  name: string,
  element: number,
  value: number,
): Promise<void> {
  const checkpoint = await opened(folder, file);
  const { begin } = checkpoint.tensors.get(name) ?? { begin: 0 };
  await checkpoint.close();
  const descriptor = openSync(join(folder, file), 'r+');
  writeSync(descriptor, Buffer.from(Float32Array.of(value).buffer), 0, 4, begin + 4 * element);
  closeSync(descriptor);
}

/** Asks until the answer is as expected. */
async function until<T>(ask: () => Promise<T>, isExpected: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isExpected(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
