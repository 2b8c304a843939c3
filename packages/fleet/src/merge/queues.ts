// The queues of merges, and their workers.
import type { Processor } from 'bullmq';
import { Job, Worker } from 'bullmq';
import type { QueueContext } from '../queue/workers.js';
import { leaveToOthers } from './elsewhere.js';
import { jobError } from './failures.js';
import { MergeCache } from './merge-cache.js';
import { makePart } from './part-job.js';
import { publishMerge } from './publish-job.js';

/** The queue of jobs that make a part each. */
export const PART_QUEUE = 'polyak-merge-parts';
/** The queue of jobs that publish a merge each, after its parts. */
export const PUBLISH_QUEUE = 'polyak-merges';

/** Starts the workers of merges. */
export function mergeWorkers(context: QueueContext): readonly Worker[] {
  const { store, settings, concurrency, onWarning } = context;
  const merges = new MergeCache(store);
  const processed =
    (work: (job: Job) => Promise<unknown>): Processor =>
    async (job, token) => {
      try {
        return await work(job).catch(async (error: unknown) => {
          await leaveToOthers({ store, publishing, onWarning }, job, token);
          throw error;
        });
      } catch (error) {
        throw jobError(error);
      }
    };
  const parts = new Worker(
    PART_QUEUE,
    processed(async (job) => {
      let shown = 0;
      const onProgress = (share: number): void => {
        const percent = Math.floor(share * 100);
        if (percent < shown + 10) return;
        shown = percent;
        // For dashboards only.
        job.updateProgress(percent).catch(() => undefined);
      };
      await makePart(store, merges, job.data, onProgress);
    }),
    { ...settings, concurrency },
  );
  const publishing: Worker = new Worker(
    PUBLISH_QUEUE,
    processed((job) =>
      publishMerge(store, merges, {
        data: job.data,
        updateData: (data) => job.updateData(data),
        latestData: async () => (await Job.fromId(publishing, job.id ?? ''))?.data as unknown,
      }),
    ),
    settings,
  );
  for (const worker of [parts, publishing]) worker.on('closed', () => void merges.close());
  return [parts, publishing];
}
