// The job that computes what comes of a round, from the record of the round alone.
import { PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { allFinite } from '@polyak/core/kit';
import { encodeSafetensors } from '@polyak/safetensors';
import { UnrecoverableError } from 'bullmq';
import type { WeightsRequest } from '../module.js';
import { keyOf } from '../names.js';
import type { CombineJob } from '../names.js';
import { decide, endOf, putObject, recordOf, requireRecord, runOf, startOf } from '../objects.js';
import type { Combine, RoundPlan } from '../round-plan.js';
import type { ObjectReference, RoundRecord, RoundResult, RunRecord } from '../record.js';
import { shown } from '../shown.js';
import { readSpecs } from '../tensor-stream.js';
import { tidyRound } from '../tidy-round.js';
import { greedySoupOf } from './greedy-soup.js';
import { meanOf } from './mean.js';
import { callModule, checkReturned } from './module-call.js';
import { outerStepOf } from './outer-step.js';
import { pollingSignal } from './polling.js';
import type { Sandbox } from './polling.js';
import { checkedWeights, settingsOf } from './round-weights.js';

/** What combining makes, for messages. */
const WHAT: Readonly<Record<Combine['kind'], string>> = {
  mean: 'the mean',
  outer: 'the outer step',
  'greedy-soup': 'the soup',
};
const REMEDY = 'Lower the learning rate.';

/** What contributions made. */
interface Combined {
  readonly weights: NamedTensors;
  /** Of the outer optimizer. */
  readonly momentum?: NamedTensors;
  /** The workers in a greedy soup, the best first. */
  readonly soup?: readonly number[];
  /** The score of the soup. */
  readonly score?: number;
}

/** Does a job that combines. Done twice, the first result stays. */
export async function combine(sandbox: Sandbox, job: CombineJob): Promise<void> {
  const { store } = sandbox;
  const record = await runOf(store, job);
  const isOver = async (): Promise<boolean> =>
    (await recordOf(store, job)) === undefined ||
    (await endOf(store, job, job.round)) !== undefined;
  const polling = pollingSignal(sandbox, isOver);
  try {
    if (!(await isOver())) {
      const result = await written({ ...sandbox, signal: polling.signal }, job, record);
      await decide(store, keyOf.end(job, job.round), result);
    }
  } catch (error) {
    if (!(await isOver())) throw error;
  } finally {
    polling.stop();
  }
  // Where another process has decided, or the run was cancelled, nothing that this one wrote stays.
  await tidyRound(store, job, job.round);
}

/** Writes what comes of a round. */
async function written(sandbox: Sandbox, job: CombineJob, record: RunRecord): Promise<RoundResult> {
  const { weights, momentum, ...rest } = await combined(sandbox, job, record);
  const next = job.round + 1;
  const put = async (
    key: typeof keyOf.weights,
    tensors: NamedTensors,
  ): Promise<ObjectReference> => {
    const bytes = encodeSafetensors(tensors);
    return await putObject(sandbox.store, (sha256) => key(job, next, sha256), bytes);
  };
  return {
    round: job.round,
    weights: await put(keyOf.weights, weights),
    ...(momentum === undefined || next === record.rounds.length
      ? {}
      : { momentum: await put(keyOf.momentum, momentum) }),
    ...rest,
  };
}

/** Computes what comes of a round. */
async function combined(
  { store, module, signal }: Sandbox,
  job: CombineJob,
  record: RunRecord,
): Promise<Combined> {
  const plan = record.rounds[job.round] as RoundPlan;
  const { members } = await requireRecord<RoundRecord>(store, keyOf.closed(job, job.round));
  const start = await startOf(store, job, job.round, record);
  const specs = await readSpecs(store, start.weights);
  const options = settingsOf(plan, 0);
  const request = (weights: NamedTensors): WeightsRequest => ({ weights, options, signal });

  const byKind = async (kind: Combine): Promise<Combined> => {
    if (kind.kind === 'mean') return { weights: await meanOf(store, members, specs) };
    if (kind.kind === 'outer') return await outerStepOf(kind, store, members, specs, start);
    const { evaluate } = module;
    if (evaluate === undefined) throw lacks('evaluate');
    return await greedySoupOf(store, members, specs, async (what, weights) => {
      signal.throwIfAborted();
      requireFinite('the soup', weights);
      return finiteScore(what, await callModule('evaluate', () => evaluate(request(weights))));
    });
  };

  const made = await byKind(plan.combine).catch((error: unknown) => {
    // A sum that overflows does so again.
    if (!PolyakError.is(error) || error.code !== 'ERR_NON_FINITE') throw error;
    throw new UnrecoverableError(`${error.message} ${REMEDY}`);
  });
  requireFinite(WHAT[plan.combine.kind], made.weights);
  if (made.momentum !== undefined) requireFinite('the momentum', made.momentum);
  if (plan.bnUpdate !== true) return made;
  const { bnUpdate } = module;
  if (bnUpdate === undefined) throw lacks('bnUpdate');
  const weights = await callModule('bnUpdate', () => bnUpdate(request(made.weights)));
  return { ...made, weights: checkReturned(() => checkedWeights('bnUpdate', weights, specs)) };
}

/** Throws where a result is not finite. What it was made from is. */
function requireFinite(what: string, tensors: NamedTensors): void {
  for (const [name, { dtype, data }] of Object.entries(tensors)) {
    if (allFinite(dtype, data)) continue;
    throw new UnrecoverableError(`${what} of "${name}" overflows ${dtype}. ${REMEDY}`);
  }
}

function finiteScore(what: string, score: unknown): number {
  if (typeof score === 'number' && Number.isFinite(score)) return score;
  throw new UnrecoverableError(
    `${what}: evaluate returned ${shown(score)}, expected a finite number. Return a low one ` +
      'for weights that cannot be scored.',
  );
}

function lacks(what: string): UnrecoverableError {
  return new UnrecoverableError(
    `The module exports no "${what}", which this round needs. Export it, and start the workers ` +
      'again.',
  );
}
