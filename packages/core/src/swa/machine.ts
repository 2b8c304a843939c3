// The state machine of stochastic weight averaging, in steps: SWA drives it for callers that can
// wait, an optimizer of a synchronous runtime for those that cannot.
import { described, requireFunction } from '../arguments.js';
import { Averages } from '../averaging/averages.js';
import { termsOf } from '../averaging/options.js';
import type { AveragingOptions } from '../averaging/options.js';
import type { RunningAverage } from '../averaging/running-average.js';
import { isPromise, wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import type { Awaitable } from '../awaitable.js';
import { PolyakError } from '../error.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import { fittingState, restore, stateOf } from '../averaging/averages-state.js';
import type { AveragesState, GroupState } from '../averaging/averages-state.js';
import { counterAt, refuseDifferences } from '../state/differences.js';
import { recordOf } from '../state/state-tree.js';
import type { StateTree } from '../state/state-tree.js';
import { Group } from './group.js';
import { modeOf, plan } from './plan.js';
import type { Mode, ModeOptions } from './plan.js';

/** Options of {@link SWA}. With `swaStart` and `swaFreq` the mode is automatic, else manual. */
export type SWAOptions<T> = ModeOptions & AveragingOptions<T>;

/** Everything that {@link SWA} needs to go on from here, as plain data keyed by parameter name. */
export type SWAState = Omit<AveragesState, 'paramGroups'> & {
  /** The state of the base optimizer, in its own form. */
  readonly optState: StateTree;
  /** The parameter groups with their counters. */
  readonly paramGroups: readonly SWAGroupState[];
};

/** One parameter group. */
export type SWAGroupState = GroupState & {
  /** Its steps. */
  readonly stepCounter: number;
};

/** What a group that joins in the middle of a run begins with. */
export interface GroupStart<T> {
  /** Its steps so far. Default 0. */
  readonly stepCounter?: number;
  /** Its averages so far, one for each rule; the machine's from then on. Default none. */
  readonly running?: readonly RunningAverage<T>[];
}

export class SWAMachine<T> {
  readonly optimizer: Optimizer<T>;
  readonly mode: Mode;
  readonly averages: Averages<T>;
  readonly groups: Group<T>[] = [];

  constructor(optimizer: Optimizer<T>, options: SWAOptions<T>) {
    requireOptimizer(optimizer);
    this.optimizer = optimizer;
    this.averages = new Averages(termsOf('SWA', options));
    this.mode = modeOf(options, this.averages.terms.warn);
    for (const { params } of optimizer.paramGroups) this.#add(this.#groupOf(params));
  }

  /** One optimization step, averaged where it is due. */
  *step<Loss>(closure: (() => Awaitable<Loss>) | undefined): Steps<Loss | undefined> {
    if (closure !== undefined) requireFunction('step', 'the closure', closure);
    // What was left in the model is taken out before the optimizer steps, and stays out.
    yield* this.averages.alone('step', (current) => this.averages.requireLive('step', current));
    let tell: Steps<void> | undefined;
    const loss = yield* this.averages.alone('step', (current) =>
      this.#step(current, closure, (reports) => {
        tell = reports;
      }),
    );
    if (tell !== undefined) yield* tell;
    return loss;
  }

  *#step<Loss>(
    current: Transaction,
    closure: (() => Awaitable<Loss>) | undefined,
    onUpdated: (tell: Steps<void>) => void,
  ): Steps<Loss | undefined> {
    const rates = this.groups.map((group) => group.lr);
    current.undo(() => {
      this.groups.forEach((group, index) => {
        const rate = rates[index] as number;
        if (group.lr !== rate) group.lr = rate;
      });
    });
    this.resetLr();
    const stepped = this.optimizer.step(closure);
    const loss = yield* wait(stepped);
    // While it waited, others may have put their weights into the model: those were trained then.
    if (isPromise(stepped)) yield* this.averages.requireLive('step', current);
    this.#requireGroupCount('step');
    const due = this.groups.filter(({ stepCounter }) => plan(this.mode, stepCounter).average);
    if (due.length > 0) onUpdated(yield* this.#update('step', current, due));
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
  *update(call: string, groups: readonly Group<T>[]): Steps<void> {
    const tell = yield* this.averages.alone(call, (current) => this.#update(call, current, groups));
    yield* tell;
  }

  *#update(call: string, current: Transaction, groups: readonly Group<T>[]): Steps<Steps<void>> {
    yield* this.averages.requireLive(call, current);
    this.#requireGroupCount(call);
    return yield* this.averages.update(
      call,
      current,
      groups.map(({ averaged }) => averaged),
    );
  }

  /** Adds a parameter group, which begins with nothing averaged unless told otherwise. */
  *addParamGroup(group: ParamGroup<T>, start: GroupStart<T> = {}): Steps<void> {
    requireGroup('addParamGroup', group);
    yield* this.averages.alone('addParamGroup', (current) => this.#addGroup(current, group, start));
  }

  *#addGroup(
    current: Transaction,
    group: ParamGroup<T>,
    { stepCounter = 0, running }: GroupStart<T>,
  ): Steps<void> {
    yield* this.averages.requireLive('addParamGroup', current);
    this.#requireGroupCount('addParamGroup');
    const added = this.#groupOf(group.params);
    added.stepCounter = stepCounter;
    if (running !== undefined) added.averaged.running = running;
    yield* wait(this.optimizer.addParamGroup(group));
    current.commit(() => this.#add(added));
  }

  /** The state, copied; also while the averages are in the model. */
  *state(): Steps<SWAState> {
    return yield* this.averages.alone('stateDict', () => this.#state());
  }

  *#state(): Steps<SWAState> {
    this.averages.requireUsable('stateDict');
    const { paramGroups, ...state } = yield* stateOf(this.averages);
    return {
      ...state,
      optState: yield* wait(this.optimizer.stateDict()),
      paramGroups: paramGroups.map((group, index) => ({
        ...group,
        stepCounter: this.groups[index]?.stepCounter ?? 0,
      })),
    };
  }

  /** Goes on from a state. Everything is checked and uploaded before anything is replaced. */
  *load(call: string, state: StateTree): Steps<void> {
    yield* this.averages.alone(call, (current) => this.#load(call, current, state));
  }

  *#load(call: string, current: Transaction, state: StateTree): Steps<void> {
    this.averages.requireUsable(call);
    const problems: string[] = [];
    const fitting = fittingState(call, this.averages, state, problems);
    const { paramGroups, optState } = recordOf(state);
    const stored = Array.isArray(paramGroups) ? (paramGroups as readonly StateTree[]) : [];
    const counters = this.groups.map((_, index) =>
      counterAt(`group ${index}: stepCounter`, recordOf(stored[index])['stepCounter'], problems),
    );
    if (optState === undefined) problems.push('it has no optState');
    refuseDifferences(call, problems);
    yield* this.averages.requireLive(call, current);
    yield* restore(call, current, this.averages, fitting);
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

  /** Refuses groups that came to the optimizer behind the back of SWA. */
  #requireGroupCount(call: string): void {
    const { length } = this.optimizer.paramGroups;
    if (length === this.groups.length) return;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: the optimizer has ${length} parameter groups, SWA ${this.groups.length}. ` +
        'Add groups with swa.addParamGroup.',
    );
  }
}

function requireOptimizer<T>(optimizer: Optimizer<T>): void {
  // What JavaScript passes may be anything.
  const given = optimizer as Partial<Optimizer<T>> | null | undefined;
  if (Array.isArray(given?.paramGroups) && typeof given.step === 'function') {
    for (const method of ['addParamGroup', 'stateDict', 'loadStateDict'] as const) {
      requireFunction('SWA', `${method} of the optimizer`, given[method]);
    }
    for (const group of given.paramGroups) requireGroup('SWA', group as ParamGroup<T>);
    return;
  }
  throw new TypeError(
    'SWA: the optimizer has no paramGroups and step. Wrap it, such as by tfjsOptimizer or ' +
      'observedOptimizer; without an optimizer, use AveragedModel.',
  );
}

function requireGroup<T>(call: string, group: ParamGroup<T>): void {
  // What JavaScript passes may be anything.
  const given = group as Partial<ParamGroup<T>> | null | undefined;
  if (Array.isArray(given?.params) && typeof given.lr === 'number') return;
  const found = given?.params === undefined ? described(group) : '{ params, lr } of other types';
  throw new TypeError(
    `${call}: a parameter group is ${found}. Expected { params: [...], lr: 0.1 }.`,
  );
}
