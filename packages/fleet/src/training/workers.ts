// The workers of the queues of training.
import { DelayedError, Worker } from 'bullmq';
import type { QueueContext } from '../queue/workers.js';
import { ROUNDS_QUEUE, TRAINING_QUEUE } from './names.js';
import type { RoundJob } from './names.js';
import { openQueues } from './queues.js';
import { lookAtRound } from './rounds.js';
import { moduleUrl, sandboxFile } from './require-module.js';
import { environmentOf } from './sandbox/settings.js';

/** Starts a worker that decides about rounds. */
export function roundWorkers({ store, settings }: QueueContext): readonly Worker[] {
  const queues = openQueues(settings.connection);
  const worker = new Worker<RoundJob>(
    ROUNDS_QUEUE,
    async (job, token) => {
      const next = await lookAtRound(store, queues, job.data, (begun) =>
        job.updateData({ ...job.data, begun }),
      );
      if (next.kind === 'done') return;
      // By this machine's clock: that of the one which takes the job again is compared with it.
      await job.moveToDelayed(Date.now() + next.inMs, token);
      throw new DelayedError();
    },
    { ...settings, concurrency: 4 },
  );
  worker.on('closed', () => void queues.close());
  return [worker];
}

/** Starts a worker that trains by the user's module, if there is one. */
export function trainingWorkers(context: QueueContext): readonly Worker[] {
  const { store, settings, concurrency, module, stalledInterval } = context;
  if (module === undefined) return [];
  const sandbox = {
    store: store.name,
    module: moduleUrl(module),
    pid: process.pid,
    pollMs: stalledInterval / 10,
  };
  const worker = new Worker(TRAINING_QUEUE, sandboxFile('sandbox'), {
    ...settings,
    concurrency,
    useWorkerThreads: false,
    workerForkOptions: { env: environmentOf(sandbox) },
  });
  return [worker];
}
