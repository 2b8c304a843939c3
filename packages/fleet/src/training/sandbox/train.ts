// The job of one worker in one round: trains, and contributes what came of it.
import { createHash } from 'node:crypto';
import { fromSafetensors, toSafetensors } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { TensorSpec } from '@polyak/core/interfaces';
import { encodeSafetensors } from '@polyak/safetensors';
import { UnrecoverableError } from 'bullmq';
import type { Store } from '../../store/store.js';
import type { Contribution, TrainRequest } from '../module.js';
import { keyOf } from '../names.js';
import type { TrainJob } from '../names.js';
import {
  decide,
  endOf,
  putObject,
  readObject,
  readRecord,
  recordOf,
  requireRecord,
  runOf,
  sha256Of,
  startOf,
} from '../objects.js';
import type { RoundPlan } from '../round-plan.js';
import type { ContributionRecord, RoundRecord } from '../record.js';
import { readTensors } from '../tensor-stream.js';
import { shown } from '../shown.js';
import { tidyRound } from '../tidy-round.js';
import { callModule, checkReturned } from './module-call.js';
import { pollingSignal } from './polling.js';
import type { Sandbox } from './polling.js';
import { checkedWeights, settingsOf, specsOf } from './round-weights.js';

const RETURNED = ['weights', 'state', 'samples', 'metrics'];

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
  if (await isOver(store, job)) return await afterEnd(store, job);
  if ((await store.get(keyOf.contribution(job, round, worker))) !== undefined) {
    return { outcome: 'duplicate' };
  }
  const plan = record.rounds[round];
  if (plan === undefined || worker >= plan.workers) {
    throw new UnrecoverableError(
      `The run "${run}" has no round ${round} with a worker ${worker}. Remove this job.`,
    );
  }
  const polling = pollingSignal(sandbox, () => isOver(store, job));
  let made: Contribution | undefined;
  try {
    const start = await startOf(store, job, round, record);
    const weights = await readTensors(store, start.weights);
    // The module may change what it gets.
    const expected = specsOf(weights);
    const state = await stateOf(store, job, plan);
    const request: TrainRequest = {
      weights,
      ...(state === undefined ? {} : { state }),
      seed: seedOf(record.seed, round, worker),
      round,
      worker,
      workers: plan.workers,
      steps: plan.steps,
      options: settingsOf(plan, worker),
      signal: polling.signal,
    };
    const returned = await callModule('train', () => module.train(request));
    made = checkReturned(() => checked(returned, expected));
    return await contribute(store, job, made);
  } catch (error) {
    if (!(await isOver(store, job))) throw error;
    // The round is tidied while this writes: a write may fail, and the contribution be taken.
    return await afterEnd(store, job, error instanceof UnrecoverableError ? undefined : made);
  } finally {
    polling.stop();
  }
}

/** Whether a contribution would not be taken any more. */
async function isOver(store: Store, job: TrainJob): Promise<boolean> {
  return (
    (await recordOf(store, job)) === undefined ||
    (await store.get(keyOf.closed(job, job.round))) !== undefined ||
    (await endOf(store, job, job.round)) !== undefined
  );
}

/** What a job says after the end of its round: whether the round took what this one made. */
async function afterEnd(store: Store, job: TrainJob, made?: Contribution): Promise<TrainReport> {
  const { round, worker } = job;
  // It may have removed what it did not need before this was written.
  await tidyRound(store, job, round);
  if (made === undefined) return { outcome: 'late' };
  const closed = await readRecord<RoundRecord>(store, keyOf.closed(job, round));
  const taken = closed?.members.find((member) => member.worker === worker);
  const isTaken = taken?.weights.sha256 === sha256Of(encodeSafetensors(made.weights));
  return { outcome: isTaken ? 'contributed' : 'late' };
}

async function contribute(store: Store, job: TrainJob, made: Contribution): Promise<TrainReport> {
  const { weights, state, samples, metrics = {} } = made;
  const { round, worker } = job;
  const record: ContributionRecord = {
    worker,
    samples,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
    ),
    weights: await putObject(
      store,
      (sha256) => keyOf.contributed(job, round, worker, sha256),
      encodeSafetensors(weights),
    ),
    ...(state === undefined
      ? {}
      : {
          state: await putObject(
            store,
            (sha256) => keyOf.state(job, round, worker, sha256),
            checkReturned(() => encodedState(state)),
          ),
        }),
  };
  const isFirst = await decide(store, keyOf.contribution(job, round, worker), record);
  if (!(await isOver(store, job))) return { outcome: isFirst ? 'contributed' : 'duplicate' };
  return await afterEnd(store, job, made);
}

/** A contribution that the round can take. */
function checked(
  contribution: Contribution,
  expected: ReadonlyMap<string, TensorSpec>,
): Contribution {
  if (typeof contribution !== 'object' || contribution === null) {
    throw new TypeError(`train returned ${shown(contribution)}, expected { weights, samples }.`);
  }
  const unknown = Object.keys(contribution).find((key) => !RETURNED.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(
      `train returned an unknown "${unknown}". Return { ${RETURNED.join(', ')} } only.`,
    );
  }
  const { weights, samples, metrics } = contribution;
  // Beyond these, the sums of a mean overflow or vanish.
  if (!(typeof samples === 'number' && samples >= 1e-100 && samples <= 1e100)) {
    throw new RangeError(
      `train: samples is ${shown(samples)}, expected a number above 0, from 1e-100 to 1e100.`,
    );
  }
  requireMetrics(metrics);
  return { ...contribution, weights: checkedWeights('train', weights, expected) };
}

function encodedState(state: StateTree): Uint8Array {
  try {
    return toSafetensors(state);
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^toSafetensors: /, '');
    throw new TypeError(`train: the state cannot be kept: ${reason}`, { cause });
  }
}

function requireMetrics(metrics: unknown = {}): void {
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics)) {
    throw new TypeError(`train: metrics is ${shown(metrics)}, expected an object of numbers.`);
  }
  const odd = Object.entries(metrics).find(([, value]) => typeof value !== 'number');
  if (odd === undefined) return;
  const [name, value] = odd;
  throw new TypeError(`train: the metric "${name}" is ${shown(value)}, expected a number.`);
}

async function stateOf(
  store: Store,
  job: TrainJob,
  { state = 'kept' }: RoundPlan,
): Promise<StateTree | undefined> {
  if (job.round === 0 || state === 'fresh') return undefined;
  const { states } = await requireRecord<RoundRecord>(store, keyOf.closed(job, job.round - 1));
  const own = states.find(({ worker }) => worker === job.worker);
  return own === undefined ? undefined : fromSafetensors(await readObject(store, own));
}

function seedOf(seed: number, round: number, worker: number): number {
  const hash = createHash('sha256').update(`${seed}/${round}/${worker}`).digest();
  return hash.readUInt32LE(0);
}
