// The state of averages as plain data: its format, how it is checked, and how it is restored.
import type { Awaitable } from '../awaitable.js';
import { PolyakError } from '../error.js';
import { viewed } from '../parameters/copies.js';
import { quoted } from '../parameters/parameter-list.js';
import type { AveragedParameter } from '../parameters/parameter-list.js';
import type { NamedRule } from '../rules/rule.js';
import { counterAt, difference } from '../state/differences.js';
import { fittingTensors } from '../state/named-tensors.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { recordOf } from '../state/state-tree.js';
import type { StateTree } from '../state/state-tree.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import { isFloating } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { AveragedGroup, Averages } from './averages.js';
import { averaged, NOTHING_AVERAGED, tensorsOf, withTensors } from './running-average.js';
import type { RunningAverage } from './running-average.js';

/** Averages as plain data keyed by parameter name. */
export type AveragesState = {
  /** The version of this format. */
  readonly version: 1;
  /** Each average by name. A single average without a name is called `swa`. */
  readonly averages: { readonly [name: string]: AverageState };
  /** The parameter groups. */
  readonly paramGroups: readonly GroupState[];
};

/** The state of one average, for all parameter groups. */
export type AverageState = {
  /** The name of its rule. */
  readonly rule: string;
  /** Whether it has a compensated accumulator. */
  readonly compensated: boolean;
  /** The number of updates of each parameter group. */
  readonly nAvg: readonly number[];
  /** The running averages. */
  readonly swaState: NamedTensors;
  /** The rounding errors of compensated averages; empty otherwise. */
  readonly residuals: NamedTensors;
  /** The last values of a rule with a window, the oldest first; empty otherwise. */
  readonly window: readonly NamedTensors[];
};

/** The parameter names of one group. */
export type GroupState = {
  /** The names of the parameters that the group averages. */
  readonly params: readonly string[];
  /** Tied parameters by name, each with the name of the parameter that is averaged in its place. */
  readonly tied: { readonly [name: string]: string };
};

/**
 * The state of `averages`, also while one of them is in the model.
 *
 * @param tensors - whether they are copies, or may be views of the averages
 */
export function* stateOf<T>(
  { terms, groups }: Averages<T>,
  tensors: 'copies' | 'views',
): Steps<AveragesState> {
  const { backend } = terms;
  const read = (held: readonly T[]): Awaitable<readonly HostTensor[]> =>
    tensors === 'views' ? viewed(backend, held) : backend.download(held);
  const states: (readonly [string, AverageState])[] = [];
  for (const [index, named] of terms.rules.entries()) {
    states.push([named.name, yield* averageState(read, groups, named, index)]);
  }
  return {
    version: 1,
    averages: Object.fromEntries(states),
    paramGroups: groups.map(groupState),
  };
}

function* averageState<T>(
  read: (held: readonly T[]) => Awaitable<readonly HostTensor[]>,
  groups: readonly AveragedGroup<T>[],
  { rule, compensated }: NamedRule,
  index: number,
): Steps<AverageState> {
  const [swaState, residuals] = [new Map<string, HostTensor>(), new Map<string, HostTensor>()];
  const windows: Map<string, HostTensor>[] = [];
  for (const { list, running } of groups) {
    const own = running[index] as RunningAverage<T>;
    const host = yield* withTensors(own, (tensors) => wait(read(tensors)));
    host.averages.forEach(({ average, residual }, n) => {
      const name = list.names[n] as string;
      swaState.set(name, average);
      if (residual !== undefined) residuals.set(name, residual);
    });
    host.window.forEach((values, n) => {
      const window = (windows[n] ??= new Map());
      values.forEach((value, place) => window.set(list.names[place] as string, value));
    });
  }
  return {
    rule: rule.name,
    compensated,
    nAvg: groups.map(({ running }) => running[index]?.nAvg ?? 0),
    swaState: Object.fromEntries(swaState),
    residuals: Object.fromEntries(residuals),
    window: windows.map((window) => Object.fromEntries(window)),
  };
}

function groupState<T>({ list }: AveragedGroup<T>): GroupState {
  const tied = list.tied.map(({ parameter, to }) => [parameter.name, to.name] as const);
  return { params: list.names, tied: Object.fromEntries(tied) };
}

/** The running averages read from a state: for each group, one for each rule. */
export type Fitting = readonly (readonly RunningAverage<HostTensor>[])[];

/**
 * Reads the running averages from `state`, and adds every difference to `problems`.
 *
 * @throws PolyakError `ERR_STATE` if `state` is not a state of averages
 */
export function fittingState<T>(
  call: string,
  { terms: { rules }, groups }: Averages<T>,
  state: StateTree,
  problems: string[],
): Fitting {
  const { version, averages, paramGroups } = recordOf(state);
  if (version !== 1 || !Array.isArray(paramGroups)) {
    throw new PolyakError('ERR_STATE', `${call}: this is not a state of averages, version 1.`);
  }
  if (paramGroups.length !== groups.length) {
    problems.push(`it has ${paramGroups.length} parameter groups, expected ${groups.length}`);
  }
  const found = new Map(Object.entries(recordOf(averages)));
  const names = rules.map(({ name }) => name);
  const surplus = [...found.keys()].filter((name) => !names.includes(name));
  if (surplus.length > 0) problems.push(`it has averages without a rule: ${quoted(surplus)}`);
  groups.forEach((group, index) => {
    const { params, tied } = recordOf(paramGroups[index] as StateTree | undefined);
    const wanted = groupState(group);
    problems.push(
      ...difference(`group ${index}`, params, wanted.params),
      ...difference(`the tied parameters of group ${index}`, tied, wanted.tied),
    );
  });
  const columns = rules.map((named) => {
    const average = found.get(named.name);
    if (average !== undefined) return fittingAverage(recordOf(average), named, groups, problems);
    problems.push(`it lacks the average "${named.name}"`);
    return [];
  });
  return groups.map((_, group) =>
    columns.map((column) => column[group] as RunningAverage<HostTensor>),
  );
}

function fittingAverage<T>(
  node: { readonly [key: string]: StateTree },
  { name, rule, compensated }: NamedRule,
  groups: readonly AveragedGroup<T>[],
  problems: string[],
): readonly RunningAverage<HostTensor>[] {
  problems.push(
    ...difference(`the rule of "${name}"`, node['rule'], rule.name),
    ...difference(`compensated of "${name}"`, node['compensated'], compensated),
  );
  const counters = listAt(`nAvg of "${name}"`, node['nAvg'], groups.length, problems);
  const counts = groups.map((_, group) =>
    counterAt(`group ${group}: nAvg of "${name}"`, counters[group], problems),
  );
  const size = rule.kind === 'window' ? rule.window : 0;
  const longest = Math.max(0, ...counts.map((nAvg) => Math.min(nAvg, size)));
  const windows = listAt(`the window of "${name}"`, node['window'], longest, problems);
  const tensors = (
    part: string,
    record: StateTree | undefined,
    isWanted: (nAvg: number, entry: AveragedParameter<T>) => boolean,
  ): ReadonlyMap<string, HostTensor> => {
    const wanted = groups.flatMap(({ list }, group) =>
      list.entries.filter((entry) => isWanted(counts[group] ?? 0, entry)),
    );
    const specs = wanted.map((entry) => [entry.parameter.name, entry.averageSpec] as const);
    return fittingTensors(`${name}: ${part}`, record, new Map(specs), problems);
  };
  const swaState = tensors('swaState', node['swaState'], (nAvg) => nAvg > 0);
  const residuals = tensors(
    'residuals',
    node['residuals'],
    (nAvg, { spec }) => nAvg > 0 && compensated && isFloating(spec.dtype),
  );
  const window = windows.map((values, n) => tensors(`window ${n}`, values, (nAvg) => n < nAvg));
  return groups.map(({ list: { names } }, group) => {
    const nAvg = counts[group] ?? 0;
    if (nAvg === 0) return NOTHING_AVERAGED;
    const pick = (from: ReadonlyMap<string, HostTensor>): readonly HostTensor[] =>
      names.map((parameter) => from.get(parameter) as HostTensor);
    const averages = pick(swaState).map((average, n) =>
      averaged(average, residuals.get(names[n] as string)),
    );
    return { nAvg, averages, window: window.slice(0, Math.min(nAvg, size)).map(pick) };
  });
}

/** The list at a node. A wrong length is added to `problems`. */
function listAt(
  what: string,
  node: StateTree | undefined,
  length: number,
  problems: string[],
): readonly StateTree[] {
  const list = Array.isArray(node) ? (node as readonly StateTree[]) : undefined;
  if (list?.length !== length) {
    const found = list === undefined ? 'not a list' : `a list of ${list.length}`;
    problems.push(`${what} is ${found}, expected a list of ${length}`);
  }
  return list ?? [];
}

/** Replaces the running averages of the groups, as part of the current transaction. */
export function* restore<T>(
  current: Transaction,
  { terms, groups }: Averages<T>,
  fitting: Fitting,
): Steps<void> {
  const { backend, nonFinite, rules } = terms;
  const uploads: RunningAverage<T>[][] = [];
  for (const parts of fitting) {
    const group: RunningAverage<T>[] = [];
    for (const [index, part] of parts.entries()) {
      const uploaded = yield* withTensors(part, function* (host) {
        const tensors = current.drafts(backend, yield* wait(backend.upload(host)));
        const finite = yield* wait(backend.allFinite(tensors));
        if (nonFinite === 'allow' || finite.every(Boolean)) return tensors;
        throw new PolyakError(
          'ERR_NON_FINITE',
          `${current.call}: the average "${rules[index]?.name}" of the state is not finite.`,
        );
      });
      group.push(uploaded);
    }
    uploads.push(group);
  }
  const old = groups.flatMap(({ running }) => running.flatMap(tensorsOf));
  current.commit(() => {
    groups.forEach((group, index) => {
      group.running = uploads[index] ?? [];
    });
  });
  current.release(backend, old);
}
