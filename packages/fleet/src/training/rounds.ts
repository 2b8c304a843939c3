// Decides about rounds: begins them, closes them, and begins the next one. All that it knows is in
// the store and in Redis, so that any process can go on where another one was killed.
import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import { JOB } from '../queue/connection.js';
import type { Store } from '../store/store.js';
import { jobId, keyOf, titleOf } from './names.js';
import type { CombineJob, RoundJob, RunName, TrainJob } from './names.js';
import { decide, endOf, runOf, requireRecord } from './objects.js';
import type { RoundPlan } from './round-plan.js';
import { addRound, addTraining, failedOf, removeJobs } from './queues.js';
import type { Queues } from './queues.js';
import { isCancelled } from './record.js';
import type { Absentee, ContributionRecord, Member, RoundRecord, WorkerState } from './record.js';
import { tidyRound } from './tidy-round.js';

// Between two looks at a round, in milliseconds: a tenth of its age within these.
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 1000;
// After which the jobs of workers are added again, about, in milliseconds.
const REPAIR_INTERVAL = 10_000;
// While its contributions are combined.
const COMBINE_PAUSE = 200;
// How many records are read at once.
const READ_AT_ONCE = 32;

/** What to do with the job of a round now. */
export type Next =
  { readonly kind: 'done' } | { readonly kind: 'look again'; readonly inMs: number };

/** A look at a round. */
interface Look {
  readonly store: Store;
  readonly queues: Queues;
  readonly name: RunName;
  readonly round: number;
  readonly plan: RoundPlan;
  /** When the look began, by the clock of Redis, in milliseconds since 1970. */
  readonly now: number;
}

/**
 * Looks at a round, and does what is to be done.
 *
 * @param begin - keeps the time at which the round began
 * @throws UnrecoverableError where the round cannot have a quorum
 */
export async function lookAtRound(
  store: Store,
  queues: Queues,
  { run, instance, round, begun }: RoundJob,
  begin: (now: number) => Promise<void>,
): Promise<Next> {
  const name = { run, instance };
  const record = await runOf(store, name);
  const plan = record.rounds[round] as RoundPlan;
  const end = await endOf(store, name, round);
  if (end !== undefined) {
    const isLast = isCancelled(end) || round + 1 === record.rounds.length;
    if (!isLast) await addRound(queues, name, round + 1);
    await removeRound(store, queues, name, round, plan);
    return { kind: 'done' };
  }
  const look: Look = { store, queues, name, round, plan, now: await queues.now() };
  if ((await store.get(keyOf.closed(name, round))) !== undefined) {
    await requireCombine(look);
    return { kind: 'look again', inMs: COMBINE_PAUSE };
  }
  const again = (age: number): Next => ({ kind: 'look again', inMs: Math.round(pauseAt(age)) });
  const missing = await missingOf(look);
  if (begun === undefined) {
    // First the jobs, then the time: a crash between them adds the same jobs once more.
    await addTraining(queues, name, round, missing);
    await begin(look.now);
    return again(0);
  }
  const age = look.now - begun;
  if (!(await closeIfDue(look, missing, age))) {
    // Those that Redis has lost, or somebody has removed; there is no second one of the others.
    if (age % REPAIR_INTERVAL < pauseAt(age)) await addTraining(queues, name, round, missing);
    return again(age);
  }
  await requireCombine(look);
  return { kind: 'look again', inMs: SHORTEST_PAUSE };
}

/** How long to wait until the next look at a round of this age, both in milliseconds. */
function pauseAt(age: number): number {
  return Math.min(Math.max(age / 10, SHORTEST_PAUSE), LONGEST_PAUSE);
}

/** Removes the jobs of a round that has ended, and its objects that are not needed any more. */
export async function removeRound(
  store: Store,
  queues: Queues,
  name: RunName,
  round: number,
  { workers }: RoundPlan,
): Promise<void> {
  await removeJobs(queues, name, round, workers);
  await tidyRound(store, name, round);
}

/** Closes a round if it is due; false if it is not. */
async function closeIfDue(look: Look, missing: readonly number[], age: number): Promise<boolean> {
  const { queues, name, round, plan } = look;
  const { workers, quorum = workers, deadlineMs = Infinity } = plan;
  const failed = await failedOf(queues, name, round, missing);
  const members = workers - missing.length;
  const isOverdue = age >= deadlineMs;
  const isPending = failed.length < missing.length;
  if (isPending && !isOverdue && workers - failed.length >= quorum) return false;
  const reasons = new Map<number, string>();
  for (const worker of failed) {
    const job = await queues.training.getJob(jobId.train(name, round, worker));
    reasons.set(worker, reasonOf(job));
  }
  if (members < quorum) {
    const isMissing = isOverdue ? 'has not contributed by the deadline' : 'was not done yet';
    const who = missing.map((worker) => {
      return `worker ${worker} (${reasons.get(worker) ?? isMissing})`;
    });
    throw new UnrecoverableError(
      `run "${name.run}": round ${round} has ${members} of ${workers} contributions; its quorum ` +
        `is ${quorum}. Missing: ${who.join(', ')}. ` +
        'Start the run again to try this round once more.',
    );
  }
  await close(look, missing, reasons);
  return true;
}

/** Writes down who took part. If another process did so before, what that one wrote counts. */
async function close(
  { store, queues, name, round, plan }: Look,
  missing: readonly number[],
  reasons: ReadonlyMap<number, string>,
): Promise<void> {
  const taken = Array.from({ length: plan.workers }, (_, worker) => worker).filter(
    (worker) => !missing.includes(worker),
  );
  const members: Member[] = [];
  for (let at = 0; at < taken.length; at += READ_AT_ONCE) {
    const records = taken
      .slice(at, at + READ_AT_ONCE)
      .map((worker) =>
        requireRecord<ContributionRecord>(store, keyOf.contribution(name, round, worker)),
      );
    for (const record of await Promise.all(records)) {
      members.push({ ...record, weight: plan.weighting === 'samples' ? record.samples : 1 });
    }
  }
  const before =
    round === 0
      ? undefined
      : await requireRecord<RoundRecord>(store, keyOf.closed(name, round - 1));
  const states = new Map(before?.states.map((state) => [state.worker, state]));
  for (const { worker, state } of members) {
    if (state === undefined) states.delete(worker);
    else states.set(worker, { worker, ...state });
  }
  const absent = missing.map((worker): Absentee => {
    const reason = reasons.get(worker);
    return reason === undefined ? { worker } : { worker, reason };
  });
  const ordered: WorkerState[] = [...states.values()];
  ordered.sort((a, b) => a.worker - b.worker);
  const record: RoundRecord = { round, members, absent, states: ordered };
  await decide(store, keyOf.closed(name, round), record);
  // Those that are being done stay, and see for themselves.
  for (const worker of missing) await queues.training.remove(jobId.train(name, round, worker));
}

/** Adds the job that combines; throws where it failed for good. */
async function requireCombine({ queues, name, round }: Look): Promise<void> {
  const id = jobId.combine(name, round);
  const data: CombineJob = { kind: 'combine', ...name, round };
  // Before those of other runs: a round waits for it.
  const job = await queues.training.add('combine', data, {
    ...JOB,
    removeOnFail: false,
    lifo: true,
    jobId: id,
  });
  if (!(await job.isFailed())) return;
  const failed = await queues.training.getJob(id);
  throw new UnrecoverableError(
    `run "${name.run}": round ${round} could not be combined (${reasonOf(failed)}). ` +
      'Start the run again to try once more.',
  );
}

/** Why a job failed, for a message that says what it was for. */
function reasonOf(job: Job<TrainJob | CombineJob> | undefined): string {
  if (job?.failedReason === undefined) return 'its job failed';
  const title = `${titleOf(job.data)}: `;
  const { failedReason: text } = job;
  return (text.startsWith(title) ? text.slice(title.length) : text).replace(/\.$/, '');
}

/** The workers that have not contributed. */
async function missingOf({ store, name, round, plan }: Look): Promise<readonly number[]> {
  const keys = new Set(await store.list(keyOf.contributions(name, round)));
  return Array.from({ length: plan.workers }, (_, worker) => worker).filter(
    (worker) => !keys.has(keyOf.contribution(name, round, worker)),
  );
}
