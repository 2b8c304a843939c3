// What a run does: a list of rounds, as plain data.
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

/** The quorum of a round and its deadline; see {@link RoundPlan}. */
export interface QuorumOptions {
  /** How many contributions are enough at the deadline. Default: all. */
  readonly quorum?: number;
  /**
   * When the round closes with a quorum, in milliseconds from when its jobs were queued, whether or
   * not workers were free then. Default: never.
   */
  readonly deadlineMs?: number;
}

/** The options of {@link localSgd}. */
export interface LocalSgdOptions extends QuorumOptions {
  /** How many rounds, 1 at least. */
  readonly rounds: number;
  /** How many workers, 1 at least. */
  readonly workers: number;
  /** The steps of each worker in a round, often called H. */
  readonly steps: number;
  /** The weights of the mean. Default `samples`. */
  readonly weighting?: 'samples' | 'uniform';
  /** Settings for the module. */
  readonly options?: Settings;
}

/**
 * The rounds of local SGD: workers train apart for some steps, then go on from their mean.
 *
 * @param options - see {@link LocalSgdOptions}
 * @returns rounds for `startRun`
 * @see Stich 2019, Local SGD Converges Fast and Communicates Little,
 *   https://arxiv.org/abs/1805.09767
 */
export function localSgd({
  rounds,
  weighting = 'samples',
  ...rest
}: LocalSgdOptions): readonly RoundPlan[] {
  return repeated(rounds, { ...rest, weighting, combine: { kind: 'mean' } });
}

/** The options of {@link diloco}. */
export interface DilocoOptions extends LocalSgdOptions {
  /** The outer learning rate. Default 0.7. */
  readonly lr?: number;
  /** The outer momentum. Default 0.9. */
  readonly momentum?: number;
  /** Whether the outer momentum is Nesterov's. Default true. */
  readonly nesterov?: boolean;
}

/**
 * The rounds of DiLoCo: local SGD with an outer optimizer. The inner one, AdamW in the paper,
 * belongs to the module, and its state to each worker.
 *
 * @param options - see {@link DilocoOptions}; `weighting` is `uniform` by default
 * @returns rounds for `startRun`
 * @see Douillard et al. 2023, DiLoCo, https://arxiv.org/abs/2311.08105
 */
export function diloco({
  rounds,
  weighting = 'uniform',
  lr = 0.7,
  momentum = 0.9,
  nesterov = true,
  ...rest
}: DilocoOptions): readonly RoundPlan[] {
  const combine: Combine = { kind: 'outer', lr, momentum, nesterov };
  return repeated(rounds, { ...rest, weighting, combine });
}

/** The options of {@link swap}. */
export interface SwapPlanOptions extends QuorumOptions {
  /** The first phase: one worker, at a large batch. */
  readonly together: {
    /** The steps of the one worker. */
    readonly steps: number;
    /** Settings for the module, such as a large batch. */
    readonly options?: Settings;
  };
  /** The second phase: workers apart, at a small batch. */
  readonly apart: {
    /** How many workers. */
    readonly workers: number;
    /** The steps of each. */
    readonly steps: number;
    /** Settings for the module, such as a small batch. */
    readonly options?: Settings;
  };
  /** Whether the module's `bnUpdate` is called on the average. Default true. */
  readonly bnUpdate?: boolean;
}

/**
 * The rounds of SWAP, Stochastic Weight Averaging in Parallel: one worker trains at a large batch,
 * then several refine its weights apart, each with a fresh state, and their average gets new
 * batch-norm statistics.
 *
 * @param options - see {@link SwapPlanOptions}; the quorum and the deadline are of the second phase
 * @returns rounds for `startRun`
 * @see Gupta et al. 2020, https://arxiv.org/abs/2001.02312
 */
export function swap({
  together,
  apart,
  bnUpdate = true,
  ...quorum
}: SwapPlanOptions): readonly RoundPlan[] {
  const each = { weighting: 'uniform', combine: { kind: 'mean' }, state: 'fresh' } as const;
  return [
    { ...together, ...each, workers: 1 },
    { ...apart, ...each, ...quorum, bnUpdate },
  ];
}

/** The options of {@link sweepSoup}. */
export interface SweepSoupOptions extends QuorumOptions {
  /** The steps of each run. */
  readonly steps: number;
  /** The settings of each run of the sweep. */
  readonly options: readonly Settings[];
  /** Whether the module's `bnUpdate` is called on the soup. Default false. */
  readonly bnUpdate?: boolean;
}

/**
 * The round of a sweep: every worker trains with settings of its own, and the greedy soup of them
 * is taken.
 *
 * @param options - see {@link SweepSoupOptions}
 * @returns rounds for `startRun`
 * @see Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482
 */
export function sweepSoup(options: SweepSoupOptions): readonly RoundPlan[] {
  const combine: Combine = { kind: 'greedy-soup' };
  return [{ ...options, workers: options.options.length, weighting: 'uniform', combine }];
}

function repeated(count: number, round: RoundPlan): readonly RoundPlan[] {
  if (Number.isInteger(count) && count > 0) return Array.from({ length: count }, () => round);
  throw new RangeError(`The number of rounds is ${count}, expected an integer from 1 on.`);
}
