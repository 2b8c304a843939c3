// The queues of training, and the jobs in them.
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { connected, JOB, producerConnection } from '../queue/connection.js';
import { jobId, ROUNDS_QUEUE, TRAINING_QUEUE } from './names.js';
import type { CombineJob, RoundJob, RunName, TrainJob } from './names.js';

// The job of a round outlasts minutes without the store.
const PATIENCE = { attempts: 300, backoff: { type: 'fixed', delay: 1000 } } as const;

/** The queues of training. */
export interface Queues {
  /** What they share. */
  readonly connection: Redis;
  readonly training: Queue<TrainJob | CombineJob>;
  readonly rounds: Queue<RoundJob>;
  /** The time of Redis, in milliseconds since 1970: the clocks of machines may differ. */
  now(): Promise<number>;
  /** Closes them. */
  close(): Promise<void>;
}

/** Opens the queues. They share a connection, which stays the caller's. */
export function openQueues(connection: Redis): Queues {
  const training = new Queue<TrainJob | CombineJob>(TRAINING_QUEUE, { connection });
  const rounds = new Queue<RoundJob>(ROUNDS_QUEUE, { connection });
  // Each call reports its own errors; without listeners, those of the connection end the process.
  for (const queue of [training, rounds]) queue.on('error', () => undefined);
  return {
    connection,
    training,
    rounds,
    now: async () => {
      const [seconds, microseconds] = await connection.time();
      return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    },
    close: async () => {
      await Promise.all([training.close(), rounds.close()]);
    },
  };
}

/** Uses the queues for a call. */
export async function withQueues<T>(
  call: string,
  url: string,
  use: (queues: Queues) => Promise<T>,
): Promise<T> {
  const connection = producerConnection(url);
  await connected(connection, url).catch((cause: unknown) => {
    const { message } = cause as Error;
    throw new Error(
      `${call}: ${message} Start Redis, or correct its URL, and call ${call} again.`,
      { cause },
    );
  });
  const queues = openQueues(connection);
  try {
    await queues.rounds.waitUntilReady();
    return await use(queues);
  } finally {
    await queues.close();
    connection.disconnect();
  }
}

/** Which workers a run lacks, as a warning; undefined where there are some. */
export async function lackOf({ training, rounds }: Queues): Promise<string | undefined> {
  // Unless Redis does not let us ask, or is away.
  const count = async (queue: Queue): Promise<number> =>
    await queue.getWorkersCount().catch(() => 1);
  // Those that train decide about rounds too.
  if ((await count(training)) > 0) return undefined;
  const who = (await count(rounds)) > 0 ? 'no worker with a module' : 'no worker';
  return `${who} is connected: the run waits until one is started.`;
}

/** Adds the job of a round, unless there is one that goes on. */
export async function addRound(queues: Queues, name: RunName, round: number): Promise<void> {
  const { run, instance } = name;
  const id = jobId.round(name, round);
  await queues.rounds.add('round', { run, instance, round }, { ...JOB, ...PATIENCE, jobId: id });
}

/** Adds the jobs of workers in a round, but those that there are. */
export async function addTraining(
  { training }: Queues,
  name: RunName,
  round: number,
  workers: readonly number[],
): Promise<void> {
  const { run, instance } = name;
  const jobs = workers.map((worker) => {
    const data: TrainJob = { kind: 'train', run, instance, round, worker };
    const id = jobId.train(name, round, worker);
    return { name: 'train', data, opts: { ...JOB, removeOnFail: false, jobId: id } };
  });
  await training.addBulk(jobs);
}

/** Those of these workers whose jobs failed for good: one question for all of them. */
export async function failedOf(
  { connection, training }: Queues,
  name: RunName,
  round: number,
  workers: readonly number[],
): Promise<readonly number[]> {
  if (workers.length === 0) return [];
  const ids = workers.map((worker) => jobId.train(name, round, worker));
  const scores = await connection.zmscore(training.toKey('failed'), ...ids);
  return workers.filter((_worker, index) => scores[index] !== null);
}

/** Removes the jobs of a round, but those that are being done: they see for themselves. */
export async function removeJobs(
  { training }: Queues,
  name: RunName,
  round: number,
  workers: number,
): Promise<void> {
  for (const id of idsOf(name, round, workers)) await removeJob(training, id);
}

/** Removes the jobs of a round that failed, so that they can be added again. */
export async function removeFailed(
  { training }: Queues,
  name: RunName,
  round: number,
  workers: number,
): Promise<void> {
  for (const id of idsOf(name, round, workers)) {
    if ((await training.getJobState(id)) === 'failed') await removeJob(training, id);
  }
}

function idsOf(name: RunName, round: number, workers: number): readonly string[] {
  const trains = Array.from({ length: workers }, (_, worker) => jobId.train(name, round, worker));
  return [...trains, jobId.combine(name, round)];
}

async function removeJob(queue: Queue<TrainJob | CombineJob>, id: string): Promise<void> {
  // 0 where a worker holds it.
  await queue.remove(id);
}
