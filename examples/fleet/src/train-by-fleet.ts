// SWAP on worker processes, of which one is killed.
import type { NamedTensors } from '@polyak/core';
import { startRedis } from '@polyak/example-shared/local-redis';
import { folderStore, startRun, swap } from '@polyak/fleet';
import type { Run, RunResult, Store } from '@polyak/fleet';
import { decodeSafetensors } from '@polyak/safetensors';
import type { FleetOptions } from './options.js';
import type { FleetResult, Job } from './result.js';
import { BATCH, RATES } from './settings.js';
import type { ModuleSettings } from './training-module.js';
import { startWorkerProcess } from './worker-process.js';
import type { WorkerProcess } from './worker-process.js';

/** What the fleet made. */
export interface FleetTraining {
  readonly result: RunResult;
  /** The weights of each worker of the second phase. */
  readonly apart: readonly NamedTensors[];
  readonly jobs: readonly Job[];
  readonly killed: FleetResult['killed'];
  readonly seconds: number;
}

/** Trains by worker processes, and kills one. */
export async function trainByFleet(
  options: FleetOptions,
  folder: string,
  weights: NamedTensors,
  say: (text: string) => void,
): Promise<FleetTraining> {
  const redis = options.redis === undefined ? await startRedis() : undefined;
  const url = redis?.url ?? options.redis ?? '';
  const store = folderStore(folder);
  const workers: WorkerProcess[] = [];
  try {
    say(`${options.workers} worker processes at ${url}, files in a shared folder`);
    for (let i = 0; i < options.workers; i += 1) {
      workers.push(await startWorkerProcess(url, folder));
    }
    const started = Date.now();
    const run = await startRun(
      { store, url },
      {
        id: `swap-${started}`,
        rounds: roundsOf(options),
        weights,
        seed: options.seed,
        keepAll: true,
      },
    );
    const { result, startedAt, killedAt } = await followed(run, workers, options, say);
    const seconds = (Date.now() - started) / 1000;
    const jobs = result.rounds.flatMap(({ record }) =>
      record.members.map(({ worker, metrics }): Job => {
        const { loss, process: pid, started: from, ended: to } = metrics;
        return {
          round: record.round,
          worker,
          process: 1 + workers.findIndex((other) => other.pid === pid),
          started: ((from ?? NaN) - started) / 1000,
          ended: ((to ?? NaN) - started) / 1000,
          loss: loss ?? NaN,
        };
      }),
    );
    const apart = await contributions(store, result);
    const killed =
      killedAt === undefined
        ? undefined
        : {
            process: 1 + KILLED,
            started: (startedAt - started) / 1000,
            at: (killedAt - started) / 1000,
          };
    return { result, apart, jobs, killed, seconds };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await redis?.stop();
  }
}

/** The index of the process that is killed. */
const KILLED = 1;

function roundsOf(options: FleetOptions): ReturnType<typeof swap> {
  const { seed, trainImages, backend, firstSteps, steps, workers } = options;
  const shared = { trainImages, dataSeed: seed, backend };
  const together: ModuleSettings = { ...shared, ...RATES.together, batchSize: BATCH.together };
  const apart: ModuleSettings = { ...shared, ...RATES.apart, batchSize: BATCH.apart };
  return swap({
    together: { steps: firstSteps, options: together },
    apart: { workers, steps, options: apart },
    // The scores below update batch norm: the weights of this example have no running statistics.
    bnUpdate: false,
  });
}

/** Waits for the run, and kills a worker soon after the first phase. */
async function followed(
  run: Run,
  workers: readonly WorkerProcess[],
  { firstSteps, steps }: FleetOptions,
  say: (text: string) => void,
): Promise<{
  readonly result: RunResult;
  /** When the second phase was seen to begin, in milliseconds since 1970. */
  readonly startedAt: number;
  /** When a worker was killed; undefined where the run had ended before. */
  readonly killedAt: number | undefined;
}> {
  let startedAt = NaN;
  let killedAt: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  say(`phase 1: one worker, ${firstSteps} steps of ${BATCH.together} images`);
  const result = await run.wait({
    onProgress: ({ record }) => {
      if (record.round > 0) return;
      startedAt = Date.now();
      say(`phase 2: ${workers.length} workers apart, ${steps} steps of ${BATCH.apart} images each`);
      timer = setTimeout(() => {
        workers[KILLED]?.kill();
        killedAt = Date.now();
        say(`killed worker ${1 + KILLED} at its work: another will do it again`);
      }, 2000);
    },
  });
  clearTimeout(timer);
  return { result, startedAt, killedAt };
}

/** The weights that each worker of the last round came to. */
async function contributions(store: Store, { rounds }: RunResult): Promise<NamedTensors[]> {
  const found: NamedTensors[] = [];
  for (const { weights } of rounds.at(-1)?.record.members ?? []) {
    const bytes = await store.get(weights.key);
    if (bytes === undefined) throw new Error(`${weights.key} is not in ${store.name}.`);
    found.push(decodeSafetensors(bytes).tensors);
  }
  return found;
}
