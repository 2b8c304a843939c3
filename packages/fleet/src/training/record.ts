// The records of a run in the store, and where its objects lie.

/** A contribution that a round took. */
export interface Member {
  /** Which of the round's workers. */
  readonly worker: number;
  /** Its samples. */
  readonly samples: number;
  /** Its weight in the mean. */
  readonly weight: number;
  /** Its metrics. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Its object in the store. */
  readonly key: string;
  /** The SHA-256 of that object, in hexadecimal. */
  readonly sha256: string;
  /** Whether it has a state for the worker's next round. */
  readonly hasState: boolean;
}

/** A worker whose contribution a round did not take. */
export interface Absentee {
  /** Which of the round's workers. */
  readonly worker: number;
  /** Why: the error of its job, or that the round did not wait. */
  readonly reason: string;
}

/** The decision about a round: its result is computed from this alone, in this order. */
export interface RoundRecord {
  /** The index of the round, from 0. */
  readonly round: number;
  /** The contributions, by worker. */
  readonly members: readonly Member[];
  /** Those whose job failed for good, such as for NaN. */
  readonly refused: readonly Absentee[];
  /** Those that had not contributed by the deadline. */
  readonly missing: readonly Absentee[];
  /** The members, of this round or an earlier one, whose states the next round's workers get. */
  readonly states: readonly Member[];
}

/** What became of a round's contributions. */
export interface RoundResult {
  /** The index of the round, from 0. */
  readonly round: number;
  /** The SHA-256 of the weights, in hexadecimal. */
  readonly sha256: string;
  /** The score of the weights, where the module has `evaluate`. */
  readonly score?: number;
  /** The workers in a greedy soup, the best first. */
  readonly soup?: readonly number[];
}
