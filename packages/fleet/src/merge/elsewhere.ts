// Jobs of merges that this worker's store does not have: its folder is not mounted, or is another
// one. Other workers do them.
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { PolyakError } from '@polyak/core';
import type { Worker } from 'bullmq';
import { DelayedError, Job } from 'bullmq';
import type { Store } from '../store/store.js';
import type { MergeReference } from './keys.js';
import { readReference } from './keys.js';
import { isStored } from './run.js';

/** What a worker writes into the job of a merge that it does not find. */
export interface MergeProgress {
  readonly warning: string;
}

/** For how long a worker keeps such a job, in ms. */
const PAUSE = 1000;
/** The longest delay of a job that is left to others, in ms. */
const LONGEST = 30_000;
/** How often a job is begun in vain until it fails, after about 20 minutes: nobody can do it. */
const STARTS = 40;

/** What is needed to leave a job to others. */
export interface Elsewhere {
  readonly store: Store;
  /** A worker of the queue in which each merge has its job. */
  readonly publishing: Worker;
  readonly onWarning: (message: string) => void;
}

/**
 * Puts a job that failed back into its queue, and counts no attempt, if its merge goes on and this
 * worker's store does not have it.
 *
 * @throws DelayedError where the job was put back, PolyakError `ERR_CHECKPOINT` where that was done
 *   for 20 minutes
 */
export async function leaveToOthers(
  { store, publishing, onWarning }: Elsewhere,
  job: Job,
  token: string | undefined,
): Promise<void> {
  const reference = readReference(job.data);
  if (await isStored(store, reference)) return;
  const merge = await mergeOf(publishing, job, reference);
  if (merge === undefined) return;
  const warning =
    `a worker on ${hostname()} does not find the merge of ${merge.name} in its store, ` +
    `${store.name}, and leaves it to others. Mount the folder there, or start that worker with ` +
    'the folder of the merge.';
  const { attemptsStarted } = job;
  if (attemptsStarted > STARTS) throw new PolyakError('ERR_CHECKPOINT', warning);
  onWarning(warning);
  const progress: MergeProgress = { warning };
  await merge.updateProgress(progress);
  // Idle as it is, this worker would take each job before those that can do it.
  await setTimeout(PAUSE);
  await job.moveToDelayed(Date.now() + Math.min(500 * 2 ** attemptsStarted, LONGEST), token);
  throw new DelayedError();
}

/** The job of the merge that a job belongs to, if that goes on. */
async function mergeOf(
  publishing: Worker,
  job: Job,
  { run }: MergeReference,
): Promise<Job | undefined> {
  const merge = await Job.fromId(publishing, job.parent?.id ?? job.id ?? '');
  if (merge === undefined || readReference(merge.data).run !== run) return undefined;
  const state = await merge.getState();
  return state === 'failed' || state === 'completed' ? undefined : merge;
}
