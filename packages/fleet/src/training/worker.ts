// A process that trains: takes jobs of all runs.
import type { Fleet } from './run.js';

/** The options of {@link startTrainingWorker}. */
export interface TrainingWorkerOptions extends Fleet {
  /** The path or URL of the {@link TrainingModule}. Jobs never name it. */
  readonly module: string | URL;
  /** How many jobs it trains at once, each in a process of its own. Default 1. */
  readonly concurrency?: number;
  /** How long a job stays with a worker that is silent, in milliseconds. Default 30,000. */
  readonly lockDuration?: number;
  /** How often silent workers are looked for, in milliseconds. Default 5,000. */
  readonly stalledInterval?: number;
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
 */
export async function startTrainingWorker(options: TrainingWorkerOptions): Promise<TrainingWorker> {
  throw new Error(`not yet: ${String(options.module)}`);
}
