// Kills processes at random while runs go on: `POLYAK_KILLS` says how many, `POLYAK_SEED` which.
import { execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { mergeAverages } from '@polyak/core';
import { localSgd, startRun } from '@polyak/fleet';
import type { RoundPlan, RunResult } from '@polyak/fleet';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { random as seeded } from '../../../../tests/support/sgd.js';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { killed, openJobs, startFleet, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { referenceRounds, WEIGHTS } from './support/reference.js';
import { expectKept } from './support/runs.js';

const KILLS = Number(process.env['POLYAK_KILLS'] ?? 6);
const SEED = Number(process.env['POLYAK_SEED'] ?? 20_261_128);
const WORKERS = 3;
// Longer than the lock of the workers of the tests.
const STOPPED_MS = 4500;

describe.skipIf(NO_REDIS !== undefined)(`${KILLS} random kills, seed ${SEED}`, () => {
  let fleet: TestFleet;
  const random = seeded(SEED);
  beforeAll(async () => {
    fleet = await startFleet(WORKERS);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it(
    'leave every round the mean of what its record names, and nothing else',
    { timeout: 60_000 + KILLS * 15_000 },
    async () => {
      const progress = { kills: 0 };
      const counts = { worker: 0, redis: 0, stop: 0 };
      let isUp = Promise.resolve();
      const paused = new Set<ChildProcess>();
      const killer = async (): Promise<void> => {
        while (progress.kills < KILLS) {
          await setTimeout(300 + random() * 1200);
          const running = [...fleet.workers].filter((worker) => !paused.has(worker));
          const victim = running[Math.floor(random() * running.length)];
          const kind = random();
          progress.kills += 1;
          if (kind < 0.2) {
            counts.redis += 1;
            isUp = (async () => {
              await fleet.redis.kill();
              await setTimeout(100 + random() * 900);
              await fleet.redis.start();
            })();
            await isUp;
          } else if (victim === undefined) {
            progress.kills -= 1;
          } else if (kind < 0.4) {
            counts.stop += 1;
            void stopFor(victim, random() < 0.5, paused);
          } else {
            counts.worker += 1;
            await killed(victim);
            await setTimeout(random() * 500);
            await fleet.startWorker();
          }
        }
      };
      const killing = killer();
      const finished: { readonly id: string; readonly keepAll: boolean }[] = [];
      let taken = 0;
      let absent = 0;
      for (let index = 0; progress.kills < KILLS; index += 1) {
        // One that needs all, and one that goes on without some and keeps all for a comparison.
        const both = [false, true].map(async (keepAll) => {
          const id = `kill-${index}-${keepAll ? 'some' : 'all'}`;
          const quorum = keepAll ? { quorum: 2, deadlineMs: 1500 } : {};
          const options = { pauseMs: 100 };
          const rounds = localSgd({ rounds: 3, workers: 4, steps: 2, options, ...quorum });
          const result = await finish(id, rounds, keepAll, () => isUp);
          if (keepAll) await requireMeans(id, rounds, result);
          else await requireReference(id, rounds, result);
          finished.push({ id, keepAll });
          for (const { record } of result.rounds) {
            taken += record.members.length;
            absent += record.absent.length;
          }
        });
        await Promise.all(both);
      }
      await killing;
      await until(() => paused.size === 0);
      await until(async () => (await openJobs(fleet)).length === 0, 60_000);
      for (const { id } of finished.filter(({ keepAll }) => !keepAll)) {
        await expectKept(fleet, id, 3);
      }
      // Every process that trains has a worker that is alive.
      const parents = new Set([...fleet.workers].map(({ pid }) => pid));
      await until(() => childrenOf(fleet).every((parent) => parents.has(parent)));
      console.log(
        `${JSON.stringify(counts)} in ${finished.length} runs of 3 rounds: ${taken} ` +
          `contributions taken, ${absent} absent`,
      );
      expect(progress.kills).toBe(KILLS);
    },
  );

  /** Starts a run and waits for its end, again and again where Redis is away. */
  async function finish(
    id: string,
    rounds: readonly RoundPlan[],
    keepAll: boolean,
    isUp: () => Promise<void>,
  ): Promise<RunResult> {
    for (;;) {
      await isUp();
      try {
        const run = await startRun(fleet.at, { id, rounds, weights: WEIGHTS, seed: 7, keepAll });
        return await run.wait();
      } catch (error) {
        // Redis went away meanwhile, or too many were stopped at once: both may happen here.
        if (!/Connection|ECONN|Stream|contributions; its/.test(String(error))) throw error;
        await setTimeout(100);
      }
    }
  }

  /** Every worker contributed: the run is what it is without kills. */
  async function requireReference(
    id: string,
    rounds: readonly RoundPlan[],
    { rounds: done }: RunResult,
  ): Promise<void> {
    const expected = await referenceRounds(rounds, 7);
    for (const [round, { record, result }] of done.entries()) {
      const { contributions, weights } = expected[round] ?? {};
      const shas = record.members.map((member) => member.weights.sha256);
      const named = { id, round, shas, sha256: result.weights.sha256 };
      expect(named).toEqual({
        id,
        round,
        shas: contributions?.map((each) => sha256Of(each.weights)),
        sha256: sha256Of(weights ?? {}),
      });
    }
  }

  /** The weights after each round are the mean of the objects that its record names. */
  async function requireMeans(
    id: string,
    rounds: readonly RoundPlan[],
    { rounds: done }: RunResult,
  ): Promise<void> {
    for (const [round, { record, result }] of done.entries()) {
      const averages = [];
      for (const { weights, worker } of record.members) {
        const bytes = (await fleet.store.get(weights.key)) ?? new Uint8Array();
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(weights.sha256);
        averages.push({ mean: decodeSafetensors(bytes).tensors, weight: 10 * (worker + 1) });
      }
      const workers = record.members.map(({ worker }) => worker);
      expect({ id, round, workers }).toEqual({ id, round, workers: [...new Set(workers)] });
      expect(workers.length + record.absent.length).toBe(rounds[round]?.workers);
      expect(workers.length).toBeGreaterThanOrEqual(2);
      expect(result.weights.sha256).toBe(sha256Of(mergeAverages(averages).mean));
    }
  }
});

function sha256Of(tensors: Parameters<typeof encodeSafetensors>[0]): string {
  return createHash('sha256').update(encodeSafetensors(tensors)).digest('hex');
}

/** Stops a worker for longer than its lock lasts, with the process that trains or without. */
async function stopFor(
  worker: ChildProcess,
  withChildren: boolean,
  paused: Set<ChildProcess>,
): Promise<void> {
  paused.add(worker);
  const pids = [Number(worker.pid), ...(withChildren ? pidsOf(Number(worker.pid)) : [])];
  for (const pid of pids) signal(pid, 'SIGSTOP');
  await setTimeout(STOPPED_MS);
  for (const pid of pids) signal(pid, 'SIGCONT');
  paused.delete(worker);
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** The processes that a process started. */
function pidsOf(parent: number): readonly number[] {
  return processes().flatMap(([pid, ppid]) => (ppid === parent ? [pid] : []));
}

/** The parents of the processes that train in this fleet. */
function childrenOf({ store }: TestFleet): readonly number[] {
  return processes().flatMap(([, ppid, text]) => {
    return text.includes('bullmq') && text.includes(store.name) ? [ppid] : [];
  });
}

function processes(): readonly (readonly [pid: number, ppid: number, text: string])[] {
  // With the environment, which has the settings of the sandbox.
  const text = execFileSync('ps', ['axeww', '-o', 'pid=,ppid=,args='], { maxBuffer: 2 ** 26 });
  return text
    .toString()
    .split('\n')
    .map((line) => {
      const [pid, ppid, ...args] = line.trim().split(/\s+/);
      return [Number(pid), Number(ppid), args.join(' ')] as const;
    });
}
