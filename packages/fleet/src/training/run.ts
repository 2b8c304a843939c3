// Starting a run and following it.
import type { NamedTensors } from '@polyak/core';
import type { Store } from '../store/store.js';
import type { RoundPlan } from './plan.js';
import type { RoundRecord, RoundResult } from './record.js';

/** Where a fleet works. */
export interface Fleet {
  /** The store of its bytes, which every worker sees. */
  readonly store: Store;
  /** Its Redis or Valkey, such as `redis://127.0.0.1:6379`. */
  readonly url: string;
}

/** What {@link startRun} starts. */
export interface RunOptions {
  /** Names the run: letters, digits, `-`, `_` and `.`, beginning with a letter or digit. */
  readonly id: string;
  /** The rounds; see {@link localSgd}, {@link diloco}, {@link swap} and {@link sweepSoup}. */
  readonly rounds: readonly RoundPlan[];
  /** The weights of the first round, float32 or float64. */
  readonly weights: NamedTensors;
  /** The seed of the seeds that workers get. Default 0. */
  readonly seed?: number;
  /** Whether all objects of all rounds stay in the store. Default false. */
  readonly keepAll?: boolean;
}

/** A round that has ended. */
export interface RoundProgress {
  /** How many rounds the run has. */
  readonly rounds: number;
  /** Who took part. */
  readonly record: RoundRecord;
  /** What came of it. */
  readonly result: RoundResult;
}

/** How {@link Run.wait} waits. */
export interface WaitOptions {
  /** Ends the waiting, not the run. */
  readonly signal?: AbortSignal;
  /** Called once for each round, in order, when it has ended. */
  readonly onProgress?: (progress: RoundProgress) => void;
}

/** The result of a run. */
export interface RunResult {
  /** The final weights. */
  readonly weights: NamedTensors;
  /** Their object in the store, a safetensors file. */
  readonly key: string;
  /** What happened in each round. */
  readonly rounds: readonly RoundProgress[];
}

/** A run that was started. */
export interface Run {
  /** Its name. */
  readonly id: string;
  /**
   * Waits until the run has ended.
   *
   * @throws PolyakError `ERR_ROUND` where the run was cancelled, or a round had no quorum; starting
   *   it again tries that round once more
   */
  wait(options?: WaitOptions): Promise<RunResult>;
  /** Cancels the run: no more jobs are done, and the objects of its rounds are removed. */
  cancel(): Promise<void>;
}

/**
 * Starts a run, or attaches to it where one of the same id and plan was started.
 *
 * @param fleet - see {@link Fleet}
 * @param options - see {@link RunOptions}
 * @returns a handle; workers do the rest, and need none
 * @throws PolyakError `ERR_EXISTS` where another run has the id
 */
export async function startRun(fleet: Fleet, options: RunOptions): Promise<Run> {
  throw new Error(`not yet: ${fleet.store.name} ${options.id}`);
}
