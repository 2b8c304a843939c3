// The records of a run in the store.
import type { RoundPlan } from './round-plan.js';

/** An object of the store, and what tells that it has not changed. */
export interface ObjectReference {
  /** Its key. */
  readonly key: string;
  /** The SHA-256 of its bytes, in hexadecimal. */
  readonly sha256: string;
}

/** The run itself, written when it is started. */
export interface RunRecord {
  /** The version of this format. */
  readonly version: 1;
  /** Tells it from other runs of its id, in this store before or in another one. */
  readonly instance: string;
  /** Its rounds. */
  readonly rounds: readonly RoundPlan[];
  /** The seed of the seeds that workers get. */
  readonly seed: number;
  /** The SHA-256 of the weights it began with. */
  readonly sha256: string;
  /** Whether all objects of all rounds stay in the store. */
  readonly keepAll: boolean;
}

/** What a worker contributed. The first record of a worker in a round counts. */
export interface ContributionRecord {
  /** Which of the round's workers. */
  readonly worker: number;
  /** Its samples. */
  readonly samples: number;
  /** Its metrics; null for NaN and infinities. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Its weights. */
  readonly weights: ObjectReference;
  /** Its state, if it has one. */
  readonly state?: ObjectReference;
}

/** A contribution that a round took. */
export interface Member extends ContributionRecord {
  /** Its weight in the mean. */
  readonly weight: number;
}

/** A worker whose contribution a round did not take. */
export interface Absentee {
  /** Which of the round's workers. */
  readonly worker: number;
  /** The error of its job; undefined where it had not contributed by the deadline. */
  readonly reason?: string;
}

/** The state of a worker after a round. */
export interface WorkerState extends ObjectReference {
  /** The worker that gets it in the next round. */
  readonly worker: number;
}

/** The decision about a round: its result is computed from this alone, in this order. */
export interface RoundRecord {
  /** The index of the round, from 0. */
  readonly round: number;
  /** The contributions, by worker. */
  readonly members: readonly Member[];
  /** The workers that did not take part, by worker. */
  readonly absent: readonly Absentee[];
  /** The states of workers for the next round, of this round or an earlier one. */
  readonly states: readonly WorkerState[];
}

/** What came of a round's contributions. */
export interface RoundResult {
  /** The index of the round, from 0. */
  readonly round: number;
  /** The weights that they made. */
  readonly weights: ObjectReference;
  /** The momentum of the outer optimizer. */
  readonly momentum?: ObjectReference;
  /** The workers in a greedy soup, the best first. */
  readonly soup?: readonly number[];
  /** The score of a greedy soup, before `bnUpdate`. */
  readonly score?: number;
}

/** What a round starts from. */
export type RoundStart = Pick<RoundResult, 'weights' | 'momentum'>;

/** The end of a round in which the run was cancelled. */
export interface Cancelled {
  /** The index of the round, from 0. */
  readonly round: number;
  /** Tells it from a result. */
  readonly cancelled: true;
}

/** How a round ended. Of several that want to say so, the first does. */
export type RoundEnd = RoundResult | Cancelled;

/** Whether this is the end of the whole run. */
export function isCancelled(end: RoundEnd): end is Cancelled {
  return 'cancelled' in end;
}
