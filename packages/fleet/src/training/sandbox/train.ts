// The job of one worker in one round: trains, and contributes what came of it.
import { createHash } from 'node:crypto';
import { fromSafetensors, toSafetensors } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { TensorSpec } from '@polyak/core/interfaces';
import { encodeSafetensors } from '@polyak/safetensors';
import { UnrecoverableError } from 'bullmq';
import type { Store } from '../../store/store.js';
import type { Contribution } from '../module.js';
import { keyOf } from '../names.js';
import type { TrainJob } from '../names.js';
import {
  currentRound,
  decide,
  readObject,
  readRecord,
  runOf,
  requireRecord,
  sha256Of,
} from '../objects.js';
import type { RoundPlan } from '../plan.js';
import { pollingSignal } from './polling.js';
import type { Sandbox } from './polling.js';
import type { ContributionRecord, ObjectReference, RoundRecord, RunRecord } from '../record.js';
import { checkedWeights, settingsOf, specsOf, startOf } from './round-weights.js';

/** What a job that trains returns: whether the round may still take it. */
export interface TrainReport {
  readonly outcome: 'contributed' | 'duplicate' | 'late';
}

/**
 * Does a job that trains. Done twice, the first contribution stays.
 *
 * @throws UnrecoverableError where the contribution is refused: the job is not tried again
 */
export async function train(sandbox: Sandbox, job: TrainJob): Promise<TrainReport> {
  const { store, module } = sandbox;
  const { run, round, worker } = job;
  const record = await runOf(store, job);
  if (await isOver(store, job)) return await late(store, job);
  if ((await store.get(keyOf.contribution(run, round, worker))) !== undefined) {
    return { outcome: 'duplicate' };
  }
  const plan = record.rounds[round];
  if (plan === undefined || worker >= plan.workers) {
    throw new UnrecoverableError(`The run "${run}" has no round ${round} with worker ${worker}.`);
  }
  const polling = pollingSignal(sandbox, () => isOver(store, job));
  try {
    const weights = await startOf(store, run, round, record);
    // The module may change what it gets.
    const expected = specsOf(weights);
    const state = await stateOf(store, job, plan);
    const contribution = await module.train({
      weights,
      ...(state === undefined ? {} : { state }),
      seed: seedOf(record.seed, round, worker),
      round,
      worker,
      workers: plan.workers,
      steps: plan.steps,
      options: settingsOf(plan, worker),
      signal: polling.signal,
    });
    return await contribute(store, job, checked(job, contribution, expected));
  } catch (error) {
    if (await isOver(store, job)) return await late(store, job);
    throw error;
  } finally {
    polling.stop();
  }
}

/** Whether a contribution would not be taken any more. */
async function isOver(store: Store, { run, round }: TrainJob): Promise<boolean> {
  return (
    (await store.get(keyOf.closed(run, round))) !== undefined ||
    (await store.get(keyOf.cancelled(run))) !== undefined
  );
}

/** What a job says that comes too late. */
async function late(store: Store, job: TrainJob): Promise<TrainReport> {
  await removeUnneeded(store, job);
  return { outcome: 'late' };
}

/**
 * Removes what this worker has in the store and nobody needs, once the round is closed or the run
 * cancelled. What is still needed here is removed at the end of a round.
 */
async function removeUnneeded(store: Store, { run, round, worker }: TrainJob): Promise<void> {
  const record = await readRecord<RunRecord>(store, keyOf.run(run));
  if (record === undefined || record.keepAll) return;
  const needed = new Set<string>();
  if ((await store.get(keyOf.cancelled(run))) === undefined) {
    const current = await currentRound(store, run, record.rounds.length);
    for (const each of [current, current - 1]) {
      // After the last round, and before the first one, nothing is needed.
      if (each < 0 || current === record.rounds.length) continue;
      const closed = await readRecord<RoundRecord>(store, keyOf.closed(run, each));
      for (const { key } of closed?.states ?? []) needed.add(key);
      if (each !== current) continue;
      for (const { weights } of closed?.members ?? []) needed.add(weights.key);
    }
  }
  for (const folder of [keyOf.contributions(run, round), keyOf.states(run, round)]) {
    for (const end of ['.json', '-']) {
      for (const key of await store.list(`${folder}${worker}${end}`)) {
        if (!needed.has(key)) await store.remove(key);
      }
    }
  }
}

async function contribute(
  store: Store,
  job: TrainJob,
  { weights, state, samples, metrics = {} }: Contribution,
): Promise<TrainReport> {
  const { run, round, worker } = job;
  const put = async (
    keyFor: (sha256: string) => string,
    bytes: Uint8Array,
  ): Promise<ObjectReference> => {
    const sha256 = sha256Of(bytes);
    const key = keyFor(sha256);
    await store.putIfAbsent(key, bytes);
    return { key, sha256 };
  };
  const record: ContributionRecord = {
    worker,
    samples,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
    ),
    weights: await put(
      (sha256) => keyOf.contributed(run, round, worker, sha256),
      encodeSafetensors(weights),
    ),
    ...(state === undefined
      ? {}
      : {
          state: await put(
            (sha256) => keyOf.state(run, round, worker, sha256),
            toSafetensors(state),
          ),
        }),
  };
  const isFirst = await decide(store, keyOf.contribution(run, round, worker), record);
  if (!(await isOver(store, job))) return { outcome: isFirst ? 'contributed' : 'duplicate' };
  // The round closed meanwhile, and may have removed what it did not need before this was written.
  await removeUnneeded(store, job);
  const closed = await readRecord<RoundRecord>(store, keyOf.closed(run, round));
  const taken = closed?.members.find((member) => member.worker === worker);
  return { outcome: taken?.weights.sha256 === record.weights.sha256 ? 'contributed' : 'late' };
}

/** A contribution that the round can take. */
function checked(
  job: TrainJob,
  contribution: Contribution,
  expected: ReadonlyMap<string, TensorSpec>,
): Contribution {
  const what = `worker ${job.worker} in round ${job.round}`;
  if (typeof contribution !== 'object' || contribution === null) {
    throw new UnrecoverableError(`${what}: train returned no { weights, samples }.`);
  }
  const { samples, metrics = {} } = contribution;
  if (!(typeof samples === 'number' && samples > 0 && samples < Infinity)) {
    throw new UnrecoverableError(`${what}: samples is ${samples}, expected a number above 0.`);
  }
  const odd = Object.entries(metrics).find(([, value]) => typeof value !== 'number');
  if (odd !== undefined) {
    throw new UnrecoverableError(`${what}: the metric "${odd[0]}" is not a number.`);
  }
  return { ...contribution, weights: checkedWeights(what, contribution.weights, expected) };
}

async function stateOf(
  store: Store,
  { run, round, worker }: TrainJob,
  { state = 'kept' }: RoundPlan,
): Promise<StateTree | undefined> {
  if (round === 0 || state === 'fresh') return undefined;
  const { states } = await requireRecord<RoundRecord>(store, keyOf.closed(run, round - 1));
  const own = states.find((each) => each.worker === worker);
  return own === undefined ? undefined : fromSafetensors(await readObject(store, own));
}

function seedOf(seed: number, round: number, worker: number): number {
  const hash = createHash('sha256').update(`${seed}/${round}/${worker}`).digest();
  return hash.readUInt32LE(0);
}
