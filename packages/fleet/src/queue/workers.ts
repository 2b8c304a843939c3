// What the workers of a queue are started with.
import type { WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Store } from '../store/store.js';

/** What the workers of a queue are started with. */
export interface QueueContext {
  readonly store: Store;
  /** The connection, and how locks are kept. */
  readonly settings: WorkerOptions & { readonly connection: Redis };
  /** How often silent workers are looked for, in ms. */
  readonly stalledInterval: number;
  /** How many jobs of a kind one process does at once. */
  readonly concurrency: number;
  /** The user's training module, if this process trains. */
  readonly module: string | URL | undefined;
  /** Gets what is no reason to end. */
  readonly onWarning: (message: string) => void;
}
