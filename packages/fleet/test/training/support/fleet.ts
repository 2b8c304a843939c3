// A fleet of the tests: a folder, a Redis and worker processes.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { folderStore } from '@polyak/fleet';
import type { Fleet } from '@polyak/fleet';
import { Queue } from 'bullmq';
import type { JobType } from 'bullmq';
import { startRedis } from '../../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../../tests/support/redis.js';

const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url));
const MODULE = fileURLToPath(new URL('toy.mjs', import.meta.url));
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A fleet with a folder and a Redis of its own. */
export interface TestFleet extends Fleet {
  /** Where it works: what calls take. */
  readonly at: Fleet;
  readonly redis: TestRedis;
  readonly workers: ReadonlySet<ChildProcess>;
  readonly training: Queue;
  readonly rounds: Queue;
  /** A path beside the store. */
  path(name: string): string;
  /** Makes the file that a toy waits for. */
  release(path: string): Promise<void>;
  /** The lines that toys logged; none where there is no file yet. */
  lines(path: string): Promise<readonly string[]>;
  /**
   * Starts a worker process.
   *
   * @throws Error with the message of the worker's error
   */
  startWorker(options?: WorkerOptions): Promise<ChildProcess>;
  /** Ends all and removes the folder. */
  stop(): Promise<void>;
}

/** How a worker process of a test differs. */
export interface WorkerOptions {
  /** Its module. Default: the toy. */
  readonly module?: string | URL;
  /** How far its clock is ahead, in milliseconds. */
  readonly aheadMs?: number;
}

/** Starts a fleet of so many workers. */
export async function startFleet(count: number, shared: WorkerOptions = {}): Promise<TestFleet> {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), 'polyak-fleet-'));
  const beside = await mkdtemp(join(tmpdir(), 'polyak-fleet-'));
  const path = (name: string): string => join(beside, name);
  const workers = new Set<ChildProcess>();
  const startWorker = async (own: WorkerOptions = {}): Promise<ChildProcess> => {
    const { module = MODULE, aheadMs = 0 } = { ...shared, ...own };
    const form = module instanceof URL ? 'URL' : 'text';
    const clock = `const { now } = Date; Date.now = () => now() + ${aheadMs};`;
    const worker = fork(WORKER, [folder, redis.url, String(module), form], {
      // Where tsx is found.
      cwd: PACKAGE,
      execArgv: [
        '--conditions=@polyak/source',
        '--import=tsx',
        `--import=data:text/javascript,${clock}`,
      ],
      env: { ...process.env, TOY_STORE: folder, TOY_FOLDER: beside },
    });
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
    const error = await new Promise<string | undefined>((resolve) => {
      worker.once('message', (message) => {
        resolve((message as { readonly error?: string }).error);
      });
      worker.once('exit', (code) => {
        resolve(`a worker ended with ${code}`);
      });
    });
    if (error === undefined) return worker;
    worker.kill();
    throw new Error(error);
  };
  await Promise.all(Array.from({ length: count }, () => startWorker()));
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const queues = ['polyak-training', 'polyak-rounds'].map((name) => {
    return new Queue(name, { connection }).on('error', () => undefined);
  });
  const [training, rounds] = queues as [Queue, Queue];
  const at: Fleet = { store: folderStore(folder), url: redis.url };
  return {
    ...at,
    at,
    redis,
    workers,
    training,
    rounds,
    path,
    release: async (file) => {
      await writeFile(file, '');
    },
    lines: async (file) => {
      const text = await readFile(file, 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
    startWorker,
    stop: async () => {
      await Promise.all([...workers].map(killed));
      await Promise.all(queues.map((queue) => queue.close()));
      await redis.stop();
      for (const each of [folder, beside]) await rm(each, { recursive: true });
    },
  };
}

/** Ends a process at once, as `kill -9` does. */
export async function killed(worker: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  await exit;
}

/** Waits until `holds`. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`after ${ms} ms: not ${holds.toString()}`);
    await setTimeout(20);
  }
}

/** The jobs that wait, are done or have failed: none after a run. */
export async function openJobs({ training, rounds }: TestFleet): Promise<readonly string[]> {
  const states: JobType[] = ['wait', 'active', 'delayed', 'failed'];
  const jobs = await Promise.all([training, rounds].map((queue) => queue.getJobs(states)));
  return jobs.flat().map((job) => String(job.id));
}

/** The parent of a process, as Linux tells it. */
export function parentOf(pid: number): number {
  return Number(statusOf(pid)[1]);
}

/** The state of a process, as Linux tells it: `T` where it is stopped. */
export function stateOf(pid: number): string | undefined {
  return statusOf(pid)[0];
}

/** The state of a process, its parent and so forth: what follows its name, which is in brackets. */
function statusOf(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
