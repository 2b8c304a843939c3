// The user's module: what a worker does in a round.
import type { NamedTensors, StateTree } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import type { Store } from '../store/store.js';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | Settings;

/** The settings of a round, as JSON: a learning rate, a batch size, a path to the data. */
export interface Settings {
  readonly [key: string]: Json;
}

/** What a worker is asked for: a few steps from the weights of the round. */
export interface TrainRequest {
  /** The weights at the start of the round: the same for every worker. Not shared with others. */
  readonly weights: NamedTensors;
  /** What this worker returned as `state` in the last round that took its contribution, if any. */
  readonly state?: StateTree;
  /**
   * An integer in [0, 2^32), another for each round and worker, and the same when a job is done
   * again. It follows from the seed of the run: runs of one seed have the same ones.
   */
  readonly seed: number;
  /** The index of the round, from 0. */
  readonly round: number;
  /** Which of the round's workers this is, from 0 to `workers - 1`: selects its share of data. */
  readonly worker: number;
  /** How many workers the round has. */
  readonly workers: number;
  /** How many steps to make. */
  readonly steps: number;
  /** The settings of the round, or of this worker in it. */
  readonly options: Settings;
  /** Aborted once the contribution would not be taken any more. */
  readonly signal: AbortSignal;
}

/** What a worker returns. */
export interface Contribution {
  /** Its weights: the names, dtypes and shapes of the round's. */
  readonly weights: NamedTensors;
  /** What it wants back in the next round: the state of its optimizer, as plain data. */
  readonly state?: StateTree;
  /** How many samples it trained on; the weight of its contribution under `samples`. */
  readonly samples: number;
  /** Numbers for the record, such as a loss. NaN and infinities are recorded as null. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What {@link TrainingModule.bnUpdate} and {@link TrainingModule.evaluate} get. */
export interface WeightsRequest {
  /** Weights of one contribution, or of several combined. They may be changed. */
  readonly weights: NamedTensors;
  /** The settings of the round; those of its first worker where each has its own. */
  readonly options: Settings;
  /** Aborted once the result would not be taken any more. */
  readonly signal: AbortSignal;
}

/**
 * The exports of the user's module. It is loaded in a process of its own, so it may block. A job
 * may be delivered twice; the first result counts.
 */
export interface TrainingModule {
  /** Trains one worker for one round. */
  train(request: TrainRequest): Awaitable<Contribution>;
  /** Returns the weights with new batch-norm statistics. Needed by rounds with `bnUpdate`. */
  bnUpdate?(request: WeightsRequest): Awaitable<NamedTensors>;
  /**
   * The score of weights on held-out data: a finite number, higher is better. Greedy soups need it,
   * and only they call it.
   */
  evaluate?(request: WeightsRequest): Awaitable<number>;
  /** Opens the store of the fleet in the process of the module. Needed unless it is a folder. */
  openStore?(): Awaitable<Store>;
}
