// The state machine of stochastic weight averaging. Written in steps: SWA drives them with
// promises, optimizers of synchronous runtimes without.
import { requireFunction, requireMembers } from '../arguments.js';
import { Averages } from '../averaging/averages.js';
import { termsOf } from '../averaging/options.js';
import type { AveragingOptions } from '../averaging/options.js';
import type { RunningAverage } from '../averaging/running-average.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import type { Awaitable } from '../awaitable.js';
import { PolyakError } from '../error.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import { fittingState, restore, stateOf } from '../averaging/averages-state.js';
import type { AveragesState, GroupState } from '../averaging/averages-state.js';
import { counterAt, requireFit } from '../state/differences.js';
import { readState } from '../state/read-state.js';
import { recordOf } from '../state/state-tree.js';
import type { StateTree } from '../state/state-tree.js';
import { Group } from './group.js';
import { modeOf, plan } from './plan.js';
import type { Mode, ModeOptions } from './plan.js';

/**
 * Options of {@link SWA}. The mode is automatic if `swaStart` and `swaFreq` are given, and manual
 * otherwise.
 */
export type SWAOptions<T> = ModeOptions & AveragingOptions<T>;

/** Everything that {@link SWA} needs to resume, as plain data keyed by parameter name. */
export type SWAState = Omit<AveragesState, 'paramGroups'> & {
  /** The state of the base optimizer, in its own format. */
  readonly optState: StateTree;
  /** The parameter groups with their counters. */
  readonly paramGroups: readonly SWAGroupState[];
};

/** The state of one parameter group. */
export type SWAGroupState = GroupState & {
  /** The number of steps so far. */
  readonly stepCounter: number;
};

/** The counters and averages of a group that is added during a run. */
export interface GroupStart<T> {
  /** The number of steps so far. Default 0. */
  readonly stepCounter?: number;
  /** The averages so far, one for each rule; the machine takes ownership. Default none. */
  readonly running?: readonly RunningAverage<T>[];
}

/** Methods that take a transaction are called inside `averages.alone`. */
export class SWAMachine<T> {
  readonly optimizer: Optimizer<T>;
  readonly mode: Mode;
  readonly averages: Averages<T>;
  readonly groups: Group<T>[] = [];

  constructor(optimizer: Optimizer<T>, options: SWAOptions<T>) {
    const members = {
      paramGroups: 'an array',
      step: 'a function',
      addParamGroup: 'a function',
      stateDict: 'a function',
      loadStateDict: 'a function',
    } as const;
    requireMembers('SWA: the optimizer', optimizer, members, WRAP);
    for (const group of optimizer.paramGroups) requireGroup('SWA', group);
    this.optimizer = optimizer;
    this.averages = new Averages(termsOf('SWA', options));
    this.mode = modeOf(options, this.averages.terms.warn);
    for (const { params } of optimizer.paramGroups) this.#add(this.#groupOf(params));
  }

  /** Makes one optimization step, and averages the groups that are due. */
  *step<Loss>(call: string, closure: (() => Awaitable<Loss>) | undefined): Steps<Loss | undefined> {
    if (closure !== undefined) requireFunction(call, 'the closure', closure);
    // A separate transaction: weights left in the model stay out even if the step fails.
    yield* this.averages.alone(call, (current) => this.averages.requireLive(current));
    return yield* this.averages.alone(call, (current) => this.#step(current, closure));
  }

  *#step<Loss>(
    current: Transaction,
    closure: (() => Awaitable<Loss>) | undefined,
  ): Steps<Loss | undefined> {
    const rates = this.groups.map((group) => group.lr);
    current.undo(() => {
      this.groups.forEach((group, index) => {
        const rate = rates[index] as number;
        if (group.lr !== rate) group.lr = rate;
      });
    });
    this.resetLr();
    const loss = yield* wait(this.optimizer.step(closure));
    // Meanwhile, others may have put their weights into the model: those were trained then.
    this.averages.requireNotLent(current.call);
    this.#requireGroupCount(current.call);
    const due = this.groups.filter(({ stepCounter }) => plan(this.mode, stepCounter).average);
    if (due.length > 0) yield* this.#update(current, due, 1);
    current.commit(() => {
      for (const group of this.groups) group.stepCounter += 1;
    });
    return loss;
  }

  /** Sets the learning rate of the groups past `swaStart`. */
  resetLr(): void {
    for (const group of this.groups) {
      const { lr } = plan(this.mode, group.stepCounter);
      if (lr !== undefined) group.lr = lr;
    }
  }

  /** Averages the weights of `groups` now. */
  *update(current: Transaction, groups: readonly Group<T>[]): Steps<void> {
    this.#requireGroupCount(current.call);
    yield* this.#update(current, groups, 0);
  }

  *#update(current: Transaction, groups: readonly Group<T>[], ahead: number): Steps<void> {
    const averaged = groups.map((group) => group.averaged);
    const step = (groups[0]?.stepCounter ?? 0) + ahead;
    yield* this.averages.update(current, averaged, ` in step ${step}`);
  }

  /** Adds a parameter group. It starts without averages unless `running` is given. */
  *addParamGroup(
    current: Transaction,
    group: ParamGroup<T>,
    { stepCounter = 0, running }: GroupStart<T> = {},
  ): Steps<void> {
    requireGroup(current.call, group);
    yield* this.averages.requireLive(current);
    this.#requireGroupCount(current.call);
    const added = this.#groupOf(group.params);
    added.stepCounter = stepCounter;
    if (running !== undefined) added.averaged.running = running;
    yield* wait(this.optimizer.addParamGroup(group));
    current.commit(() => this.#add(added));
  }

  /** The state, also while an average is in the model; see `stateOf`. */
  *state({ call }: Transaction, tensors: 'copies' | 'views'): Steps<SWAState> {
    this.averages.requireUsable(call);
    const { paramGroups, ...state } = yield* stateOf(this.averages, tensors);
    return {
      ...state,
      optState: yield* wait(this.optimizer.stateDict()),
      paramGroups: paramGroups.map((group, index) => ({
        ...group,
        stepCounter: this.groups[index]?.stepCounter ?? 0,
      })),
    };
  }

  /** Restores a state. Everything is checked and uploaded before anything is replaced. */
  *load(current: Transaction, given: StateTree): Steps<void> {
    const { call } = current;
    this.averages.requireUsable(call);
    const state = readState(call, given);
    const problems: string[] = [];
    const fitting = fittingState(call, this.averages, state, problems);
    const { paramGroups, optState } = recordOf(state);
    const stored = Array.isArray(paramGroups) ? (paramGroups as readonly StateTree[]) : [];
    const counters = this.groups.map((_, index) =>
      counterAt(`group ${index}: stepCounter`, recordOf(stored[index])['stepCounter'], problems),
    );
    if (optState === undefined) problems.push('it has no optState');
    requireFit(problems, { code: 'ERR_STATE', call, what: 'the state' });
    yield* this.averages.requireLive(current);
    yield* restore(current, this.averages, fitting);
    yield* wait(this.optimizer.loadStateDict(optState as StateTree));
    current.commit(() => {
      this.groups.forEach((group, index) => {
        group.stepCounter = counters[index] ?? 0;
      });
    });
  }

  #groupOf(params: ParamGroup<T>['params']): Group<T> {
    return new Group(this.averages, this.optimizer, params);
  }

  #add(group: Group<T>): void {
    this.groups.push(group);
    this.averages.groups.push(group.averaged);
  }

  /** Throws if the optimizer's groups were changed without SWA. */
  #requireGroupCount(call: string): void {
    const { length } = this.optimizer.paramGroups;
    if (length === this.groups.length) return;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: the optimizer has ${length} parameter groups, SWA has ${this.groups.length}. ` +
        'Add groups with swa.addParamGroup.',
    );
  }
}

const WRAP =
  'Wrap it with tfjsOptimizer or observedOptimizer. Without an optimizer, use AveragedModel.';

function requireGroup<T>(call: string, group: ParamGroup<T>): void {
  const members = { params: 'an array', lr: 'a number' } as const;
  const remedy = 'Pass { params: [...], lr: 0.1 }.';
  requireMembers(`${call}: a parameter group`, group, members, remedy);
}
