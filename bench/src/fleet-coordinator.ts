// What coordinating a fleet costs: 1,000 simulated workers, rounds of 10 seconds, one Redis.
//
// The coordinator is the real one, alone in a process whose CPU time is measured. Workers are
// simulated here: they take their jobs from the queue, keep their locks, send a heartbeat a second,
// and write tiny contributions at random times of the last second of a round.
//
//   npx -y pnpm@12 --filter @polyak/bench fleet-coordinator [workers] [rounds] [seconds]
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { folderStore, localSgd, startRun, startWorker } from '@polyak/fleet';
import type { ContributionRecord, RoundResult } from '@polyak/fleet';
import { encodeSafetensors } from '@polyak/safetensors';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { startRedis } from '@polyak/example-shared/local-redis';

const FILE = fileURLToPath(import.meta.url);
const [role, ...rest] = process.argv.slice(2);

if (role === 'coordinator') await coordinate(rest);
else await simulate([role, ...rest].map(Number));

/** The measured process: answers each message with its CPU time in microseconds. */
async function coordinate([folder = '', url = '']: readonly string[]): Promise<void> {
  await startWorker({ store: folderStore(folder), url });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.(0);
}

async function simulate([workers = 1000, rounds = 5, seconds = 10]: readonly number[]) {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), 'polyak-bench-'));
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const coordinator = fork(FILE, ['coordinator', folder, redis.url]);
  await answer(coordinator);
  const store = folderStore(folder);
  const bytes = encodeSafetensors({
    w: { dtype: 'float32', shape: [1], data: Float32Array.of(1) },
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');

  const work = async ({ data }: { readonly data: Job }): Promise<void> => {
    const { kind, run, instance, round, worker = 0 } = data;
    const own = `runs/${run}/${instance}`;
    const at = `${own}/rounds/${round}`;
    const put = async (key: string, record: ContributionRecord | RoundResult): Promise<void> => {
      await store.putIfAbsent(key, new TextEncoder().encode(JSON.stringify(record)));
    };
    if (kind === 'combine') {
      const key = `${own}/after/${round + 1}/weights-${sha256}.safetensors`;
      await store.putIfAbsent(key, bytes);
      await put(`${at}/end.json`, { round, weights: { key, sha256 } });
      return;
    }
    await setTimeout((seconds - 1 + Math.random() * 0.5) * 1000);
    const key = `${at}/contributions/${worker}-${sha256}.safetensors`;
    await store.putIfAbsent(key, bytes);
    const weights = { key, sha256 };
    await put(`${at}/contributions/${worker}.json`, { worker, samples: 1, metrics: {}, weights });
  };
  const training = new Worker<Job>('polyak-training', work, { connection, concurrency: workers });
  const heartbeats = setInterval(() => {
    const pipeline = connection.pipeline();
    for (let worker = 0; worker < workers; worker += 1) {
      pipeline.set(`heartbeat:${worker}`, Date.now(), 'EX', 10);
    }
    void pipeline.exec();
  }, 1000);

  const plan = localSgd({ rounds, workers, steps: 1 });
  const weights = { w: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } } as const;
  const [began, ownBefore] = [performance.now(), await cpuOf(coordinator)];
  const redisBefore = await redisCpu(connection);
  const run = await startRun({ store, url: redis.url }, { id: 'bench', rounds: plan, weights });
  await run.wait();
  const elapsed = (performance.now() - began) / 1000;
  const own = (await cpuOf(coordinator)) - ownBefore;
  const redisOwn = (await redisCpu(connection)) - redisBefore;

  const share = (spent: number): string => `${((100 * spent) / elapsed).toFixed(1)} %`;
  console.table({
    workers,
    rounds,
    'seconds per round': (elapsed / rounds).toFixed(1),
    'coordinator, share of a core': share(own),
    'coordinator, CPU seconds per round': (own / rounds).toFixed(2),
    'Redis, share of a core': share(redisOwn),
  });

  clearInterval(heartbeats);
  await training.close();
  coordinator.disconnect();
  await new Promise((resolve) => coordinator.once('exit', resolve));
  await connection.quit();
  await redis.stop();
  await rm(folder, { recursive: true });
}

/** The data of a job of the training queue. */
interface Job {
  readonly kind: 'train' | 'combine';
  readonly run: string;
  readonly instance: string;
  readonly round: number;
  readonly worker?: number;
}

async function answer(child: ChildProcess): Promise<unknown> {
  return await new Promise((resolve) => child.once('message', resolve));
}

/** The CPU time of the coordinator so far, in seconds. */
async function cpuOf(child: ChildProcess): Promise<number> {
  const told = answer(child);
  child.send('cpu');
  return Number(await told) / 1e6;
}

/** The CPU time of Redis so far, in seconds. */
async function redisCpu(connection: Redis): Promise<number> {
  const info = await connection.info('cpu');
  const spent = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)];
  return spent.reduce((sum, [, seconds]) => sum + Number(seconds), 0);
}
