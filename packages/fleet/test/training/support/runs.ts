// Runs of the tests.
import { startRun } from '@polyak/fleet';
import type { RoundPlan, Run, RunResult } from '@polyak/fleet';
import { expect } from 'vitest';
import type { TestFleet } from './fleet.js';
import { until } from './fleet.js';
import { WEIGHTS } from './reference.js';

/** The data of a job that trains, as it is in Redis. */
interface TrainJob {
  readonly kind: 'train';
  readonly run: string;
  readonly instance: string;
  readonly round: number;
  readonly worker: number;
}

/** The mean of a round, each contribution weighing the same. */
export const MEAN = { weighting: 'uniform', combine: { kind: 'mean' } } as const;

/** Starts a run. */
export async function start(
  fleet: TestFleet,
  id: string,
  rounds: readonly RoundPlan[],
): Promise<Run> {
  return await startRun(fleet, { id, rounds, weights: WEIGHTS });
}

/** Starts a run and waits for it. */
export async function done(
  fleet: TestFleet,
  id: string,
  rounds: readonly RoundPlan[],
): Promise<RunResult> {
  return await (await start(fleet, id, rounds)).wait();
}

/** Expects nothing in the store but the records and the weights of a run of so many rounds. */
export async function expectKept(fleet: TestFleet, id: string, rounds: number): Promise<void> {
  const records = Array.from({ length: rounds }, (_, round) => [
    `runs/${id}/rounds/${round}/closed.json`,
    `runs/${id}/rounds/${round}/result.json`,
  ]);
  const expected = [
    ...records.flat(),
    `runs/${id}/run.json`,
    `runs/${id}/weights.safetensors`,
  ].toSorted();
  // What is not needed is removed right after the result is there.
  const isTidy = async (): Promise<boolean> =>
    (await fleet.store.list(`runs/${id}/`)).length <= expected.length;
  await until(isTidy, 3000).catch(() => undefined);
  expect(await fleet.store.list(`runs/${id}/`)).toEqual(expected);
}

/** The data of the job of worker 0 in round 0. */
export async function firstJob({ store }: TestFleet, run: string): Promise<TrainJob> {
  const bytes = await store.get(`runs/${run}/run.json`);
  const { instance } = JSON.parse(new TextDecoder().decode(bytes)) as {
    readonly instance: string;
  };
  return { kind: 'train', run, instance, round: 0, worker: 0 };
}

/** What became of a job that trained. */
export async function outcomeOf({ training }: TestFleet, id: string | undefined): Promise<unknown> {
  const job = await training.getJob(id ?? '');
  return (job?.returnvalue as { readonly outcome?: string } | null | undefined)?.outcome;
}
