// A process that trains: takes jobs of all runs.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DelayedError, Worker } from 'bullmq';
import { WORKER, workerConnection } from '../queue/connection.js';
import { ROUNDS_QUEUE, TRAINING_QUEUE } from './names.js';
import type { RoundJob } from './names.js';
import { openQueues } from './queues.js';
import { lookAtRound } from './rounds.js';
import type { Fleet } from './run.js';
import { SETTINGS } from './sandbox-settings.js';
import type { SandboxSettings } from './sandbox-settings.js';

/** The options of {@link startTrainingWorker}. */
export interface TrainingWorkerOptions extends Fleet {
  /** The path or URL of the {@link TrainingModule}. Jobs never name it. */
  readonly module: string | URL;
  /**
   * How many jobs it does at once, each in a process of its own; with 0, it only decides about
   * rounds. Default 1.
   */
  readonly concurrency?: number;
  /** How long a job stays with a worker that is silent, in milliseconds. Default 30,000. */
  readonly lockDuration?: number;
  /** How often silent workers are looked for, in milliseconds. Default 5,000. */
  readonly stalledInterval?: number;
  /**
   * How often a job asks the store whether its round is closed, by two reads, in milliseconds.
   * Default 1,000.
   */
  readonly pollMs?: number;
  /** Called for errors outside of jobs, such as a lost connection. Default: `console.error`. */
  readonly onError?: (error: Error) => void;
}

/** A started worker. */
export interface TrainingWorker {
  /** Ends it once its jobs are done. */
  close(): Promise<void>;
}

/**
 * Starts a worker for training. It takes jobs of the queues `polyak-training` and `polyak-rounds`.
 *
 * @param options - see {@link TrainingWorkerOptions}
 * @returns a handle
 */
export async function startTrainingWorker({
  store,
  url,
  module,
  concurrency = 1,
  lockDuration = WORKER.lockDuration ?? 30_000,
  stalledInterval = WORKER.stalledInterval ?? 5000,
  pollMs = 1000,
  onError = console.error,
}: TrainingWorkerOptions): Promise<TrainingWorker> {
  const connection = workerConnection(url);
  connection.on('error', onError);
  const queues = openQueues(connection);
  const settings: SandboxSettings = {
    store: store.name,
    module: module instanceof URL ? module.href : pathToFileURL(resolve(module)).href,
    pid: process.pid,
    pollMs,
  };
  const options = { ...WORKER, connection, lockDuration, stalledInterval };
  const workers: Worker[] = [
    new Worker<RoundJob>(
      ROUNDS_QUEUE,
      async (job, token) => {
        const next = await lookAtRound(store, queues, job.data, (begun) =>
          job.updateData({ ...job.data, begun }),
        );
        if (next.kind === 'done') return;
        await job.moveToDelayed(Date.now() + next.inMs, token);
        throw new DelayedError();
      },
      { ...options, concurrency: 4 },
    ),
  ];
  if (concurrency > 0) {
    workers.push(
      new Worker(TRAINING_QUEUE, sandboxFile(), {
        ...options,
        concurrency,
        useWorkerThreads: false,
        workerForkOptions: { env: { ...process.env, [SETTINGS]: JSON.stringify(settings) } },
      }),
    );
  }
  for (const worker of workers) worker.on('error', onError);
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
      await queues.close();
      await connection.quit();
    },
  };
}

/** The file of the sandbox, beside this one: a source or built. */
function sandboxFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`sandbox.${extension}`, import.meta.url);
}
