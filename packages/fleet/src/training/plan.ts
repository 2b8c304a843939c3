// Lists of rounds, as algorithms of the literature have them.
import { requireOptions } from '@polyak/core/kit';
import type { Settings } from './module.js';
import { requireRounds } from './require-rounds.js';
import type { Combine, RoundPlan } from './round-plan.js';
import { shown } from './shown.js';

const QUORUM = ['quorum', 'deadlineMs'];
const LOCAL_SGD = ['rounds', 'workers', 'steps', 'weighting', 'options', ...QUORUM];

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
 * @throws RangeError or TypeError for an option that is unknown, of a wrong type or out of range
 * @see Stich 2019, Local SGD Converges Fast and Communicates Little,
 *   https://arxiv.org/abs/1805.09767
 */
export function localSgd(options: LocalSgdOptions): readonly RoundPlan[] {
  const given = requireOptions('localSgd', options, LOCAL_SGD);
  const { rounds, weighting = 'samples', ...rest } = given;
  return repeated('localSgd', rounds, { ...rest, weighting, combine: { kind: 'mean' } });
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
 * @throws RangeError or TypeError for an option that is unknown, of a wrong type or out of range
 * @see Douillard et al. 2023, DiLoCo, https://arxiv.org/abs/2311.08105
 */
export function diloco(options: DilocoOptions): readonly RoundPlan[] {
  const given = requireOptions('diloco', options, [...LOCAL_SGD, 'lr', 'momentum', 'nesterov']);
  const { rounds, weighting = 'uniform', ...others } = given;
  const { lr = 0.7, momentum = 0.9, nesterov = true, ...rest } = others;
  const combine: Combine = { kind: 'outer', lr, momentum, nesterov };
  return repeated('diloco', rounds, { ...rest, weighting, combine });
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
 * @throws RangeError or TypeError for an option that is unknown, of a wrong type or out of range
 * @see Gupta et al. 2020, https://arxiv.org/abs/2001.02312
 */
export function swap(options: SwapPlanOptions): readonly RoundPlan[] {
  const given = requireOptions('swap', options, ['together', 'apart', 'bnUpdate', ...QUORUM]);
  const { bnUpdate = true, ...rest } = given;
  const { together, apart, ...quorum } = rest;
  const first = requireOptions('swap: together', together, ['steps', 'options']);
  const second = requireOptions('swap: apart', apart, ['workers', 'steps', 'options']);
  const each = { weighting: 'uniform', combine: { kind: 'mean' }, state: 'fresh' } as const;
  return requireRounds('swap', [
    { ...first, ...each, workers: 1 },
    { ...second, ...each, ...quorum, bnUpdate },
  ]);
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
 * @throws RangeError or TypeError for an option that is unknown, of a wrong type or out of range
 * @see Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482
 */
export function sweepSoup(options: SweepSoupOptions): readonly RoundPlan[] {
  const given = requireOptions('sweepSoup', options, ['steps', 'options', 'bnUpdate', ...QUORUM]);
  const { options: sweep } = given;
  if (!Array.isArray(sweep) || sweep.length === 0) {
    const expected = 'a list with the settings of each run';
    throw new TypeError(`sweepSoup: options is ${shown(sweep)}, expected ${expected}.`);
  }
  const combine: Combine = { kind: 'greedy-soup' };
  const round: RoundPlan = { ...given, workers: sweep.length, weighting: 'uniform', combine };
  return requireRounds('sweepSoup', [round]);
}

function repeated(call: string, count: number, round: RoundPlan): readonly RoundPlan[] {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`${call}: rounds is ${shown(count)}, expected an integer from 1 on.`);
  }
  const checked = requireRounds(call, [round]);
  return Array.from({ length: count }, () => checked).flat();
}
