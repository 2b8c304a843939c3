// Merges whose processes are killed and stopped at random. POLYAK_KILLS says how often.
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mean } from '@polyak/checkpoints';
import { methodOf } from '@polyak/checkpoints/methods';
import { mergeFiles } from '@polyak/checkpoints/node';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleScript } from '../support/bundled-script.js';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { random as seeded } from '../../../../tests/support/sgd.js';
import { ScriptProcess } from '../support/script-process.js';
import { bytesIn, filesIn, temporaryFolder, writeModels } from './checkpoints.js';
import type { ProducerMessage, ProducerOptions } from './producer.js';
import type { WorkerProcessOptions } from './worker.js';

const KILLS = Number(process.env['POLYAK_KILLS'] ?? '6');
const SEED = Number(process.env['POLYAK_SEED'] ?? '1');
/** Longer than the lock of a job. */
const STOP = 3000;

/** They take turns; when, and which worker, is random. */
const EVENTS = ['worker', 'redis', 'stop', 'producer', 'worker'] as const;
const KINDS: readonly Pick<ProducerOptions, 'ties' | 'shardBytes'>[] = [
  { ties: false },
  { ties: true },
  { ties: false, shardBytes: 100_000 },
];

describe.skipIf(NO_REDIS !== undefined)('a fleet under kills', () => {
  const home = process.cwd();
  const here = dirname(fileURLToPath(import.meta.url));
  const workers: ScriptProcess[] = [];
  let scripts = { worker: '', producer: '' };
  let redis: TestRedis;
  let folder = '';
  let bundles = '';
  let inputs: readonly string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    [folder, bundles] = [await temporaryFolder(), await temporaryFolder()];
    scripts = {
      worker: await bundleScript(join(here, 'worker.ts'), bundles),
      producer: await bundleScript(join(here, 'producer.ts'), bundles),
    };
    inputs = writeModels(folder, 3, 60_000);
    process.chdir(folder);
  });
  afterAll(async () => {
    process.chdir(home);
    for (const worker of workers) await worker.end('SIGKILL');
    await redis.stop();
    for (const path of [folder, bundles]) await rm(path, { recursive: true });
  });

  const startWorker = (): ScriptProcess => {
    const options: WorkerProcessOptions = { folder, url: redis.url, delay: 20 };
    return new ScriptProcess(scripts.worker, options);
  };

  it(
    `makes the bytes of undisturbed merges, and leaves nothing (${KILLS} kills)`,
    { timeout: 60_000 + KILLS * 10_000 },
    async () => {
      const random = seeded(SEED);
      for (let i = 0; i < 3; i += 1) workers.push(startWorker());
      const counts = { worker: 0, stop: 0, producer: 0, redis: 0 };
      const stopped: Promise<void>[] = [];
      const refusals: unknown[] = [];
      const kills = (): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
      let merges = 0;

      const disturb = async (producer: ScriptProcess): Promise<void> => {
        const event = EVENTS[kills() % EVENTS.length] ?? 'worker';
        const index = Math.floor(random() * workers.length);
        const worker = workers[index];
        counts[event] += 1;
        if (event === 'worker') {
          await worker?.end('SIGKILL');
          workers[index] = startWorker();
        } else if (event === 'stop') {
          worker?.signal('SIGSTOP');
          stopped.push(setTimeout(STOP).then(() => worker?.signal('SIGCONT')));
        } else if (event === 'producer') {
          await producer.end('SIGKILL');
        } else {
          await redis.kill();
          await setTimeout(random() * 300);
          await redis.start();
        }
      };

      while (kills() < KILLS) {
        merges += 1;
        const kind = KINDS[merges % KINDS.length] ?? { ties: false };
        const output = `merged-${merges}/out.safetensors`;
        mkdirSync(`merged-${merges}`);
        const options = { folder, url: redis.url, inputs, output, partBytes: 40_000, ...kind };
        let isDone = false;
        while (!isDone) {
          const producer = new ScriptProcess(scripts.producer, options);
          while (producer.isRunning && kills() < KILLS) {
            await Promise.race([producer.ended, setTimeout(50 + random() * 1400)]);
            if (producer.isRunning) await disturb(producer);
          }
          await producer.ended;
          // One that could not reach Redis, or was killed, begins again.
          const message = producer.messages.at(-1) as ProducerMessage | undefined;
          isDone = message === 'done';
          if (typeof message === 'object' && message.isRefused) refusals.push(message);
        }
      }
      await Promise.all(stopped);
      expect(refusals).toEqual([]);
      const queues = ['polyak-merge-parts', 'polyak-merges'].map(
        (name) => new Queue(name, { connection: { url: redis.url } }),
      );
      for (const queue of queues) {
        let left: Readonly<Record<string, number>>;
        do {
          await setTimeout(100);
          left = await queue.getJobCounts('active', 'waiting', 'delayed', 'waiting-children');
        } while (Object.values(left).some((count) => count > 0));
        expect(await queue.getFailedCount()).toBe(0);
        await queue.close();
      }
      const ends = workers.splice(0).map((worker) => worker.end());
      expect(new Set(await Promise.all(ends))).toEqual(new Set([0]));

      mkdirSync('one');
      const expected: string[] = [];
      for (let merge = 1; merge <= merges; merge += 1) {
        const { ties = false, ...options } = KINDS[merge % KINDS.length] ?? {};
        const [base = '', ...models] = inputs;
        await rm('one', { recursive: true });
        mkdirSync('one');
        await (ties
          ? mergeFiles(models, 'one/out.safetensors', {
              base,
              method: methodOf('ties', { density: 0.4 }),
            })
          : mergeFiles(inputs, 'one/out.safetensors', { ...options, method: mean(3) }));
        const names = filesIn(join(folder, 'one'));
        expected.push(...names.map((name) => join(`merged-${merge}`, name)));
        const made = await bytesIn(join(folder, `merged-${merge}`), names);
        expect(made).toEqual(await bytesIn(join(folder, 'one'), names));
      }
      await rm('one', { recursive: true });
      expect(filesIn(folder)).toEqual([...expected, ...inputs].toSorted());
      console.log(`${merges} merges, seed ${SEED}: ${JSON.stringify(counts)}`);
    },
  );
});
