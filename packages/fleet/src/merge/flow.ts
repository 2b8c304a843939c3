// The jobs of a merge: one that publishes it, after one for each part.
import { setTimeout } from 'node:timers/promises';
import { basename } from 'node:path/posix';
import type { FlowJob, Job } from 'bullmq';
import { FlowProducer, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  addressOf,
  connected,
  JOB,
  producerConnection,
  warnOfEviction,
} from '../queue/connection.js';
import { errorFrom } from './failures.js';
import type { MergeReference } from './keys.js';
import { partialId } from './keys.js';
import type { MergeProgress } from './elsewhere.js';
import { PART_QUEUE, PUBLISH_QUEUE } from './queues.js';
import type { PublishData } from './publish-job.js';
import type { PublishedMerge } from './run.js';

/** How far the jobs of a merge are. */
export type FlowState =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'going on';
      readonly run: string;
      readonly done: number;
      /** Whether it is published, and a worker removes what it has left. */
      readonly isPublished: boolean;
      /** What a worker reports that cannot do its jobs. */
      readonly warning: string | undefined;
    }
  | { readonly kind: 'published'; readonly run: string; readonly result: PublishedMerge }
  | { readonly kind: 'failed'; readonly run: string; readonly error: Error };

const INTERVAL = 200;
/** For how long Redis may be away, in ms. */
const PATIENCE = 60_000;
/** Longer than workers keep a job that they have begun: they end it within a write. */
const ENDING = 120_000;
/** Until it is said that Redis is away, in ms. */
const UNSAID = 1000;

/** The jobs of merges in Redis. Each call waits where that is away. */
export class MergeFlows {
  readonly #redis: Redis;
  readonly #address: string;
  readonly #onWarning: (message: string) => void;
  readonly #flows: FlowProducer;
  readonly #parts: Queue;
  readonly #publishing: Queue;

  private constructor(redis: Redis, address: string, onWarning: (message: string) => void) {
    this.#redis = redis;
    this.#address = address;
    this.#onWarning = onWarning;
    const options = { connection: redis };
    this.#flows = new FlowProducer(options);
    this.#parts = new Queue(PART_QUEUE, options);
    this.#publishing = new Queue(PUBLISH_QUEUE, options);
    // Calls fail with what is wrong.
    this.#flows.on('error', () => undefined);
    for (const queue of [this.#parts, this.#publishing]) queue.on('error', () => undefined);
  }

  /**
   * Connects to Redis.
   *
   * @throws Error where it is not reached
   */
  static async connect(url: string, onWarning: (message: string) => void): Promise<MergeFlows> {
    const redis = producerConnection(url);
    await connected(redis, url);
    await warnOfEviction(redis, url, onWarning);
    return new MergeFlows(redis, addressOf(url), onWarning);
  }

  /**
   * Adds the jobs of a run, all or none.
   *
   * @returns the run that the merge has: another one where its job was there
   */
  async add(reference: MergeReference, parts: number, output: string): Promise<string | undefined> {
    const name = basename(output).slice(0, 100);
    const children = Array.from({ length: parts }, (_, part): FlowJob => {
      return {
        // Its parent has the name of the output.
        name: `part ${part}`,
        queueName: PART_QUEUE,
        data: { ...reference, part },
        opts: {
          ...JOB,
          jobId: partJobId(reference, part),
          failParentOnFailure: true,
        },
      };
    });
    const flow: FlowJob = {
      name,
      queueName: PUBLISH_QUEUE,
      data: reference,
      opts: { ...JOB, jobId: jobIdOf(reference.merge) },
      children,
    };
    return await this.#patiently(async () => {
      await this.#flows.add(flow);
      const job = await this.#job(reference.merge);
      return job && runOf(job);
    });
  }

  /** How far a merge is. The signal ends the waiting for Redis. */
  async state(merge: string, signal?: AbortSignal): Promise<FlowState> {
    return await this.#patiently(
      async () => {
        const job = await this.#job(merge);
        const state = await job?.getState();
        if (job === undefined || state === 'unknown') return { kind: 'none' };
        const run = runOf(job);
        if (state === 'completed') {
          // The result came after the job was read, perhaps.
          const result = (await this.#job(merge))?.returnvalue as PublishedMerge | undefined;
          return result === undefined ? { kind: 'none' } : { kind: 'published', run, result };
        }
        if (state === 'failed') return { kind: 'failed', run, error: await this.#errorOf(merge) };
        const { processed = 0 } = await job.getDependenciesCount({ processed: true });
        const isPublished = (job.data as PublishData).published !== undefined;
        const { warning } = Object(job.progress) as Partial<MergeProgress>;
        return { kind: 'going on', run, done: processed, isPublished, warning };
      },
      { signal },
    );
  }

  /** Whether a worker is there. */
  async hasWorkers(): Promise<boolean> {
    // Unless Redis does not let us ask, or is away.
    return (await this.#parts.getWorkersCount().catch(() => 1)) > 0;
  }

  /** Drops the parts of a run that nobody has begun, and waits for those that workers have. */
  async settle(reference: MergeReference): Promise<void> {
    const end = Date.now() + ENDING;
    for (;;) {
      const left = await this.#patiently(async () => {
        const job = await this.#jobOf(reference);
        await job?.removeUnprocessedChildren();
        return (await job?.getDependenciesCount({ unprocessed: true }))?.unprocessed ?? 0;
      });
      if (left === 0 || Date.now() > end) return;
      await setTimeout(INTERVAL);
    }
  }

  /** Removes the parts of a run, but those that workers have begun. */
  async removeParts(reference: MergeReference, parts: number): Promise<void> {
    for (let part = 0; part < parts; part += 1) {
      await this.#patiently(() => this.#parts.remove(partJobId(reference, part)));
    }
  }

  /** Removes the jobs of a run, after workers have left those that they have begun. */
  async remove(reference: MergeReference): Promise<void> {
    const remove = async (): Promise<void> => {
      const job = await this.#jobOf(reference);
      await job?.removeUnprocessedChildren();
      await job?.remove({ removeChildren: true });
    };
    await this.#patiently(remove, { patience: ENDING });
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    for (const each of [this.#flows, this.#parts, this.#publishing]) await each.close();
    this.#redis.disconnect();
  }

  /** Does what fails while Redis is away, again and again. */
  async #patiently<R>(
    ask: () => Promise<R>,
    { patience = PATIENCE, signal }: { patience?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<R> {
    const began = Date.now();
    for (let isWarned = false; ;) {
      signal?.throwIfAborted();
      try {
        return await ask();
      } catch (cause) {
        const isAway = this.#redis.status !== 'ready';
        const since = Date.now() - began;
        if (since > patience) throw isAway ? this.#awayError(cause as Error) : cause;
        if (isAway && since > UNSAID && !isWarned) {
          isWarned = true;
          this.#onWarning(`Redis is not reached at ${this.#address}. Waiting for it.`);
        }
        await setTimeout(INTERVAL);
      }
    }
  }

  #awayError(cause: Error): Error {
    return new Error(
      `Redis has not been reached at ${this.#address} for a minute (${cause.message}). ` +
        'What is in the queue goes on: merge again to follow it.',
      { cause },
    );
  }

  /** The job of a merge, if it is of this run: another process may have begun another one. */
  async #jobOf({ merge, run }: MergeReference): Promise<Job | undefined> {
    const job = await this.#job(merge);
    return job !== undefined && runOf(job) === run ? job : undefined;
  }

  async #job(merge: string): Promise<Job | undefined> {
    return (await this.#publishing.getJob(jobIdOf(merge))) as Job | undefined;
  }

  /** The error of the part that failed, or of the publication. */
  async #errorOf(merge: string): Promise<Error> {
    const { failedReason = 'the merge failed.' } = (await this.#job(merge)) ?? {};
    const [, part] = /^child \S*?([^\s:]+) failed/.exec(failedReason) ?? [];
    const child = part === undefined ? undefined : await this.#parts.getJob(part);
    return errorFrom((child as Job | undefined)?.failedReason ?? failedReason);
  }
}

function runOf({ data }: Job): string {
  return (data as MergeReference).run;
}

function jobIdOf(merge: string): string {
  return `merge-${merge}`;
}

function partJobId(reference: MergeReference, part: number): string {
  return `merge-${partialId(reference)}-${part}`;
}
