// A process of a fleet that works.
import type { Worker } from 'bullmq';
import { requireFunction, requireOptions } from '@polyak/core/kit';
import type { Fleet } from './fleet.js';
import { readFleet } from './fleet.js';
import { mergeWorkers } from './merge/queues.js';
import { connected, warnOfEviction, WORKER, workerConnection } from './queue/connection.js';
import type { QueueContext } from './queue/workers.js';
import { requireModule } from './training/require-module.js';
import { roundWorkers, trainingWorkers } from './training/workers.js';

/** The queues that a worker serves. */
const QUEUES: readonly ((context: QueueContext) => readonly Worker[])[] = [
  mergeWorkers,
  roundWorkers,
  trainingWorkers,
];

/** Options of {@link startWorker}. */
export interface FleetWorkerOptions {
  /**
   * The path or URL of a `TrainingModule`: this worker trains, in processes apart from it, each of
   * which does one job after the other. Jobs never name it. Default: it merges, and decides about
   * rounds, but does not train.
   */
  readonly module?: string | URL;
  /** How many jobs of a kind are done at once, 1 at least. Default 1. */
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

const OPTIONS = ['module', 'concurrency', 'lockDuration', 'stalledInterval', 'onWarning'];

/**
 * Starts to work for the fleets of a store: any number of processes on any machines may do so. The
 * queues of BullMQ are `polyak-merge-parts`, `polyak-merges`, `polyak-rounds` and, with a module,
 * `polyak-training`.
 *
 * @param fleet - the store, and the Redis that has the queues
 * @param options - see {@link FleetWorkerOptions}
 * @returns the worker; it keeps the process alive until it is closed
 * @throws RangeError where an option or the URL is out of its range; Error where Redis is not
 *   reached or does not let it work, or there is no such module
 * @example
 * ```js
 * import { folderStore, startWorker } from '@polyak/fleet';
 *
 * const fleet = { store: folderStore('/mnt/share'), url: 'redis://queue:6379' };
 * const worker = await startWorker(fleet);
 * process.once('SIGTERM', () => worker.close());
 * ```
 */
export async function startWorker(
  fleet: Fleet,
  options: FleetWorkerOptions = {},
): Promise<FleetWorker> {
  const { store, url } = readFleet('startWorker', fleet);
  const given = requireOptions('startWorker', options, OPTIONS);
  const { concurrency = 1, onWarning = (text) => console.warn(text) } = given;
  requireFunction('startWorker', 'onWarning', onWarning);
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`startWorker: concurrency is ${concurrency}, expected 1 or more.`);
  }
  const { module, lockDuration = 30_000, stalledInterval = 5000 } = given;
  for (const [name, value] of Object.entries({ lockDuration, stalledInterval })) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new RangeError(`startWorker: ${name} is ${value}, expected a number > 0.`);
  }
  if (module !== undefined && typeof module !== 'string' && !(module instanceof URL)) {
    throw new TypeError(`startWorker: module is a ${typeof module}, expected a path or a URL.`);
  }
  if (module !== undefined) await requireModule(store, module);
  const connection = workerConnection(url);
  await connected(connection, url);
  const settings = { ...WORKER, connection, lockDuration, stalledInterval };
  const context = { store, settings, stalledInterval, concurrency, module, onWarning };
  const workers: Worker[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.close()));
    connection.disconnect();
  };
  try {
    await warnOfEviction(connection, url, onWarning);
    for (const start of QUEUES) {
      for (const worker of start(context)) {
        workers.push(worker);
        worker.on('error', ({ message }) => onWarning(message));
        worker.on('failed', (job, { message }) => onWarning(`${job?.name ?? 'a job'}: ${message}`));
      }
    }
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}
