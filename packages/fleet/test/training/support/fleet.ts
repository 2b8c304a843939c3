// A fleet of the tests: a folder, a Redis and worker processes.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderStore } from '@polyak/fleet';
import type { Store } from '@polyak/fleet';
import { startRedis } from '../../support/redis.js';
import type { TestRedis } from '../../support/redis.js';

const MODULE = fileURLToPath(new URL('toy.mjs', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url));
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A fleet with a folder and a Redis of its own. */
export interface TestFleet {
  readonly folder: string;
  readonly store: Store;
  readonly url: string;
  readonly redis: TestRedis;
  readonly workers: Set<ChildProcess>;
  /** Starts a worker process. */
  startWorker(module?: string): Promise<ChildProcess>;
  /** Ends all and removes the folder. */
  stop(): Promise<void>;
}

export async function startFleet(count: number): Promise<TestFleet> {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), 'polyak-fleet-'));
  const workers = new Set<ChildProcess>();
  const startWorker = async (module = MODULE): Promise<ChildProcess> => {
    const worker = fork(WORKER, [folder, redis.url, module], {
      // Where tsx is found.
      cwd: PACKAGE,
      execArgv: ['--conditions=@polyak/source', '--import', 'tsx'],
    });
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => {
        resolve();
      });
      worker.once('exit', (code) => {
        reject(new Error(`a worker ended with ${code}`));
      });
    });
    return worker;
  };
  await Promise.all(Array.from({ length: count }, () => startWorker()));
  return {
    folder,
    store: folderStore(folder),
    url: redis.url,
    redis,
    workers,
    startWorker,
    stop: async () => {
      await Promise.all([...workers].map(ended));
      await redis.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Kills a process, as `kill -9` does. */
export async function ended(worker: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGKILL');
  await exit;
}
