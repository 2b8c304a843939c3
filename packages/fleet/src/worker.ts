// A process of a fleet that works.
import type { Worker } from 'bullmq';
import { requireFunction, requireOptions } from '@polyak/core/kit';
import { mergeWorkers } from './merge/queues.js';
import { connected, WORKER, workerConnection } from './queue/connection.js';
import type { QueueContext } from './queue/workers.js';
import type { Store } from './store/store.js';

/** The queues that a worker serves. */
const QUEUES: readonly ((context: QueueContext) => readonly Worker[])[] = [mergeWorkers];

/** Options of {@link startWorker}. */
export interface FleetWorkerOptions {
  /** Where the bytes are. */
  readonly store: Store;
  /** Of Redis or Valkey, such as `redis://127.0.0.1:6379`; `rediss://` for TLS. */
  readonly url: string;
  /** How many jobs are done at once, 1 at least. Default 1. */
  readonly concurrency?: number;
  /**
   * How long a job stays with a worker that is not heard of, in ms. Default 30,000. Where Redis is
   * away for longer, jobs are done twice, which costs time only.
   */
  readonly lockDuration?: number;
  /** How often jobs of such workers are looked for, in ms. Default 5,000. */
  readonly stalledInterval?: number;
  /** Gets what is no reason to end: Redis is away, a job failed. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** A running worker. */
export interface FleetWorker {
  /** Ends after the jobs that it has begun, and takes no others. */
  close(): Promise<void>;
}

const OPTIONS = ['store', 'url', 'concurrency', 'lockDuration', 'stalledInterval', 'onWarning'];

/**
 * Starts to work for the fleets of a store: any number of processes on any machines may do so. The
 * queues are `polyak-merge-parts` and `polyak-merges` of BullMQ.
 *
 * @param options - the store, and the Redis that has the queues
 * @returns the worker; it keeps the process alive until it is closed
 * @throws Error where Redis is not reached
 * @example
 * ```js
 * import { folderStore, startWorker } from '@polyak/fleet';
 *
 * const store = folderStore('/mnt/share');
 * const worker = await startWorker({ store, url: 'redis://queue:6379' });
 * process.once('SIGTERM', () => worker.close());
 * ```
 */
export async function startWorker(options: FleetWorkerOptions): Promise<FleetWorker> {
  const given = requireOptions('startWorker', options, OPTIONS);
  const { store, url, concurrency = 1, onWarning = (text) => console.warn(text) } = given;
  requireFunction('startWorker', 'onWarning', onWarning);
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`startWorker: concurrency is ${concurrency}, expected 1 or more.`);
  }
  const { lockDuration = WORKER.lockDuration, stalledInterval = WORKER.stalledInterval } = given;
  const connection = workerConnection(url);
  await connected(connection, url);
  const settings = {
    ...WORKER,
    connection,
    ...(lockDuration !== undefined && { lockDuration }),
    ...(stalledInterval !== undefined && { stalledInterval }),
  };
  const workers = QUEUES.flatMap((start) => start({ store, settings, concurrency }));
  for (const worker of workers) {
    worker.on('error', ({ message }) => onWarning(message));
    worker.on('failed', (job, { message }) => onWarning(`${job?.name ?? 'a job'}: ${message}`));
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      connection.disconnect();
    },
  };
}
