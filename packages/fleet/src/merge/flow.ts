// The jobs of a merge: one that publishes it, after one for each part.
import { setTimeout } from 'node:timers/promises';
import { basename } from 'node:path/posix';
import type { FlowJob, Job } from 'bullmq';
import { FlowProducer, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { connected, JOB, producerConnection } from '../queue/connection.js';
import { errorFrom } from './failures.js';
import type { MergeReference } from './keys.js';
import { partialId } from './keys.js';
import { PART_QUEUE, PUBLISH_QUEUE } from './queues.js';
import type { PublishedMerge } from './request.js';

/** How far the jobs of a merge are. */
export type FlowState =
  | { readonly kind: 'none' }
  | { readonly kind: 'going on'; readonly done: number }
  | { readonly kind: 'published'; readonly result: PublishedMerge }
  | { readonly kind: 'failed'; readonly error: Error };

const INTERVAL = 200;
/** Longer than workers keep a job that they have begun: they end it within a write. */
const PATIENCE = 120_000;

/** The jobs of merges in Redis. */
export class MergeFlows {
  readonly #redis: Redis;
  readonly #flows: FlowProducer;
  readonly #parts: Queue;
  readonly #publishing: Queue;

  private constructor(redis: Redis) {
    this.#redis = redis;
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
  static async connect(url: string): Promise<MergeFlows> {
    const redis = producerConnection(url);
    await connected(redis, url);
    return new MergeFlows(redis);
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
    await this.#flows.add({
      name,
      queueName: PUBLISH_QUEUE,
      data: reference,
      opts: { ...JOB, jobId: jobIdOf(reference.merge) },
      children,
    });
    const job = await this.#job(reference.merge);
    return (job?.data as Partial<MergeReference> | undefined)?.run;
  }

  /** How far a merge is. */
  async state(merge: string): Promise<FlowState> {
    const job = await this.#job(merge);
    const state = await job?.getState();
    if (job === undefined || state === 'unknown') return { kind: 'none' };
    if (state === 'completed') {
      // The result came after the job was read, perhaps.
      const result = (await this.#job(merge))?.returnvalue as PublishedMerge | undefined;
      return result === undefined ? { kind: 'none' } : { kind: 'published', result };
    }
    if (state === 'failed') return { kind: 'failed', error: await this.#errorOf(merge) };
    const { processed = 0 } = await job.getDependenciesCount({ processed: true });
    return { kind: 'going on', done: processed };
  }

  /** Whether a worker is there. */
  async hasWorkers(): Promise<boolean> {
    // Unless Redis does not let us ask.
    return (await this.#parts.getWorkersCount().catch(() => 1)) > 0;
  }

  /** Drops the parts of a merge that nobody has begun, and waits for those that workers have. */
  async settle(merge: string): Promise<void> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const job = await this.#job(merge);
      await job?.removeUnprocessedChildren();
      const { unprocessed = 0 } = (await job?.getDependenciesCount({ unprocessed: true })) ?? {};
      if (unprocessed === 0 || Date.now() > end) return;
      await setTimeout(INTERVAL);
    }
  }

  /** Removes the parts of a run, but those that workers have begun. */
  async removeParts(reference: MergeReference, parts: number): Promise<void> {
    for (let part = 0; part < parts; part += 1) {
      await this.#parts.remove(partJobId(reference, part));
    }
  }

  /** Removes the jobs of a merge, after workers have left those that they have begun. */
  async remove(merge: string): Promise<void> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const job = await this.#job(merge);
      if (job === undefined) return;
      try {
        await job.removeUnprocessedChildren();
        await job.remove({ removeChildren: true });
        return;
      } catch (error) {
        if (Date.now() > end) throw error;
        await setTimeout(INTERVAL);
      }
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    for (const each of [this.#flows, this.#parts, this.#publishing]) await each.close();
    this.#redis.disconnect();
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

function jobIdOf(merge: string): string {
  return `merge-${merge}`;
}

function partJobId(reference: MergeReference, part: number): string {
  return `merge-${partialId(reference)}-${part}`;
}
