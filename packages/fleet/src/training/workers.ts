// The workers of the queues of training.
import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { QueueContext } from '../queue/workers.js';
import { ROUNDS_QUEUE, titleOf, TRAINING_QUEUE } from './names.js';
import type { CombineJob, RoundJob, TrainJob } from './names.js';
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
  const worker = new SandboxWorker(TRAINING_QUEUE, sandboxFile('sandbox'), {
    ...settings,
    concurrency,
    useWorkerThreads: false,
    workerForkOptions: { env: environmentOf(sandbox) },
  });
  return [worker];
}

/** A worker whose errors say what the job was for. */
class SandboxWorker extends Worker<TrainJob | CombineJob> {
  protected override async callProcessJob(
    job: Job<TrainJob | CombineJob>,
    token: string,
    signal?: AbortSignal,
  ): Promise<unknown> {
    try {
      return (await super.callProcessJob(job, token, signal)) as unknown;
    } catch (error) {
      // BullMQ made it from what the process sent: its name, which may be final, stays.
      const own = error as Error;
      own.message = `${titleOf(job.data)}: ${reasonOf(job.data, own.message)}`;
      throw own;
    }
  }
}

/** Why a job failed: for the end of its process, BullMQ has the code and the signal only. */
function reasonOf({ kind }: TrainJob | CombineJob, message: string): string {
  const [, code, signal] = /^Unexpected exit code: (\S+) signal: (\S+)$/.exec(message) ?? [];
  if (code === undefined || signal === undefined) return message;
  const where = kind === 'train' ? 'in train' : 'while it combined the round';
  if (code === 'null') return `the process of the module was ended by ${signal} ${where}.`;
  return (
    `the process of the module ended by itself (exit code ${code}) ${where}. Return or throw ` +
    'instead.'
  );
}
