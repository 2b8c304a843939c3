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
  return await startRun(fleet.at, { id, rounds, weights: WEIGHTS });
}

/** Starts a run and waits for it. */
export async function done(
  fleet: TestFleet,
  id: string,
  rounds: readonly RoundPlan[],
): Promise<RunResult> {
  return await (await start(fleet, id, rounds)).wait();
}

/**
 * The keys of the objects of a run that ends in a round: the records of its rounds and the weights
 * after so many rounds.
 */
export async function keptKeys(
  fleet: TestFleet,
  id: string,
  { rounds, weightsAfter = rounds }: { readonly rounds: number; readonly weightsAfter?: number },
): Promise<readonly unknown[]> {
  const folder = await folderOf(fleet, id);
  const records = Array.from({ length: rounds }, (_, round) => [
    `${folder}rounds/${round}/closed.json`,
    `${folder}rounds/${round}/end.json`,
  ]);
  const weights = new RegExp(`^${folder}after/${weightsAfter}/weights-\\w+\\.safetensors$`);
  const [first, ...others] = [expect.stringMatching(weights) as unknown, ...records.flat()];
  return [first, ...others.toSorted(), `runs/${id}/run.json`];
}

/** Expects nothing in the store but these; soon, as it is removed right after a result. */
export async function expectObjects(
  { store }: TestFleet,
  id: string,
  expected: readonly unknown[],
): Promise<void> {
  const isTidy = async (): Promise<boolean> =>
    (await store.list(`runs/${id}/`)).length <= expected.length;
  await until(isTidy, 3000).catch(() => undefined);
  expect((await store.list(`runs/${id}/`)).toSorted()).toEqual(expected);
}

/** Expects nothing in the store but the records and the weights of a run of so many rounds. */
export async function expectKept(fleet: TestFleet, id: string, rounds: number): Promise<void> {
  await expectObjects(fleet, id, await keptKeys(fleet, id, { rounds }));
}

/** The folder of a run, but its record. */
export async function folderOf(fleet: TestFleet, run: string): Promise<string> {
  const { instance } = await firstJob(fleet, run);
  return `runs/${run}/${instance}/`;
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
