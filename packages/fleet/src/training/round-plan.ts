// What a round does, as plain data.
import type { Settings } from './module.js';

/** How the contributions of a round become the weights of the next one. */
export type Combine =
  /** Their mean. */
  | {
      /** Tells it from the others. */
      readonly kind: 'mean';
    }
  /**
   * An outer optimizer, SGD with momentum, on the outer gradient: the weights of the round minus
   * the mean of its contributions.
   */
  | {
      /** Tells it from the others. */
      readonly kind: 'outer';
      /** The learning rate, above 0. */
      readonly lr: number;
      /** In [0, 1). */
      readonly momentum: number;
      /** Whether the step looks ahead by the momentum. */
      readonly nesterov: boolean;
    }
  /**
   * The mean of those that do not lower its score, whatever the weighting; see `greedySoup` of
   * `@polyak/ensemble`.
   */
  | {
      /** Tells it from the others. */
      readonly kind: 'greedy-soup';
    };

/** One round of a run. */
export interface RoundPlan {
  /** How many workers train apart, 1 at least. */
  readonly workers: number;
  /** How many steps each makes. */
  readonly steps: number;
  /** How many contributions are enough at the deadline. Default: all. */
  readonly quorum?: number;
  /**
   * When the round closes with a quorum, in milliseconds from when its jobs were queued, whether or
   * not workers were free then. Default: never.
   */
  readonly deadlineMs?: number;
  /** The weights of the mean: the samples of each contribution, or the same for all. */
  readonly weighting: 'samples' | 'uniform';
  /** How the weights of the next round are made. */
  readonly combine: Combine;
  /** Whether the module's `bnUpdate` is called on the result. Default false. */
  readonly bnUpdate?: boolean;
  /** Whether a worker gets its `state` of an earlier round. Default `kept`. */
  readonly state?: 'kept' | 'fresh';
  /** Settings for the module; a list has those of each worker. Default none. */
  readonly options?: Settings | readonly Settings[];
}
