// The workers of the queues of training.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DelayedError, Worker } from 'bullmq';
import type { QueueContext } from '../queue/workers.js';
import { ROUNDS_QUEUE, TRAINING_QUEUE } from './names.js';
import type { RoundJob } from './names.js';
import { openQueues } from './queues.js';
import { lookAtRound } from './rounds.js';
import { SETTINGS } from './sandbox/settings.js';
import type { SandboxSettings } from './sandbox/settings.js';

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
  const sandbox: SandboxSettings = {
    store: store.name,
    module: module instanceof URL ? module.href : pathToFileURL(resolve(module)).href,
    pid: process.pid,
    pollMs: stalledInterval / 10,
  };
  const worker = new Worker(TRAINING_QUEUE, sandboxFile(), {
    ...settings,
    concurrency,
    useWorkerThreads: false,
    workerForkOptions: { env: { ...process.env, [SETTINGS]: JSON.stringify(sandbox) } },
  });
  return [worker];
}

/** The file of the sandbox: a source or built. */
function sandboxFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`sandbox/sandbox.${extension}`, import.meta.url);
}
