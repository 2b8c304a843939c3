// What the workers of a queue are started with.
import type { WorkerOptions } from 'bullmq';
import type { Store } from '../store/store.js';

/** What the workers of a queue are started with. */
export interface QueueContext {
  readonly store: Store;
  /** The connection, and how locks are kept. */
  readonly settings: WorkerOptions;
  /** How many jobs one process does at once. */
  readonly concurrency: number;
}
