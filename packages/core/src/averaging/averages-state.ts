// The state of averages as plain data: its form, and what makes one fit.
import type { AveragedGroup, Averages } from '../averaging/averages.js';
import { quoted } from '../parameters/parameter-list.js';
import { downloaded, NOTHING_AVERAGED, tensorsOf } from '../averaging/running-average.js';
import type { RunningAverage } from '../averaging/running-average.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import type { Backend } from '../backend.js';
import { PolyakError } from '../error.js';
import type { NamedRule } from '../rules/rule.js';
import { isFloating } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import { fittingTensors, namedTensors } from '../state/named-tensors.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { counterAt, difference } from '../state/differences.js';
import { recordOf } from '../state/state-tree.js';
import type { StateTree } from '../state/state-tree.js';

/** Averages as plain data keyed by parameter name. */
export type AveragesState = {
  /** The version of this form. */
  readonly version: 1;
  /** Each average under its name, `swa` where there is one without a name. */
  readonly averages: { readonly [name: string]: AverageState };
  /** The parameter groups. */
  readonly paramGroups: readonly GroupState[];
};

/** One average of all groups. */
export type AverageState = {
  /** The name of its rule. */
  readonly rule: string;
  /** Whether it has a compensated accumulator. */
  readonly compensated: boolean;
  /** The updates that made it, of each parameter group. */
  readonly nAvg: readonly number[];
  /** The running averages. */
  readonly swaState: NamedTensors;
  /** The rounding errors of compensated averages; empty otherwise. */
  readonly residuals: NamedTensors;
  /** The last values of a rule with a window, the oldest first; empty otherwise. */
  readonly window: readonly NamedTensors[];
};

/** The parameters of one group. */
export type GroupState = {
  /** The names of the parameters that the group averages. */
  readonly params: readonly string[];
  /** The names of parameters with the storage of another one, which is averaged for both. */
  readonly tied: { readonly [name: string]: string };
};

/** The state of `averages`, copied. Also while the model shows one of them. */
export function* stateOf<T>({ terms, groups }: Averages<T>): Steps<AveragesState> {
  const states: (readonly [string, AverageState])[] = [];
  for (const [index, { name, rule, compensated }] of terms.rules.entries()) {
    const parts: (RunningAverage<HostTensor> & { readonly names: readonly string[] })[] = [];
    for (const { list, running } of groups) {
      const host = yield* downloaded(terms.backend, running[index] as RunningAverage<T>);
      parts.push({ names: list.names, ...host });
    }
    const length = Math.max(0, ...parts.map(({ window }) => window.length));
    const merged = (
      tensors: (part: (typeof parts)[number]) => readonly HostTensor[],
    ): NamedTensors =>
      Object.fromEntries(parts.flatMap((part) => namedTensors(part.names, tensors(part))));
    const residuals = parts.flatMap((part) =>
      part.residuals.flatMap((residual, n) =>
        residual === undefined ? [] : [[part.names[n] as string, residual] as const],
      ),
    );
    const state: AverageState = {
      rule: rule.name,
      compensated,
      nAvg: parts.map(({ nAvg }) => nAvg),
      swaState: merged(({ averages }) => averages),
      residuals: Object.fromEntries(residuals),
      window: Array.from({ length }, (_, n) => merged(({ window }) => window[n] ?? [])),
    };
    states.push([name, state]);
  }
  return {
    version: 1,
    averages: Object.fromEntries(states),
    paramGroups: groups.map(({ list }) => ({
      params: list.names,
      tied: Object.fromEntries(list.tied.map(({ parameter, to }) => [parameter.name, to.name])),
    })),
  };
}

/** What the groups take from a state: for each group, one running average for each rule. */
export type Fitting = readonly (readonly RunningAverage<HostTensor>[])[];

/**
 * What `averages` would take from `state`; every difference is added to `problems`.
 *
 * @throws PolyakError `ERR_STATE` where it is no state at all
 */
export function fittingState<T>(
  call: string,
  { terms: { rules }, groups }: Averages<T>,
  state: StateTree,
  problems: string[],
): Fitting {
  const root = recordOf(state);
  const stored = root['paramGroups'];
  if (root['version'] !== 1 || !Array.isArray(stored)) {
    throw new PolyakError('ERR_STATE', `${call}: this is no state of averages, version 1.`);
  }
  if (stored.length !== groups.length) {
    problems.push(`it has ${stored.length} parameter groups, expected ${groups.length}`);
  }
  const found = recordOf(root['averages']);
  const names = rules.map(({ name }) => name);
  const surplus = Object.keys(found).filter((name) => !names.includes(name));
  if (surplus.length > 0) problems.push(`it has the averages ${quoted(surplus)}, no rule here`);
  groups.forEach(({ list }, index) => {
    const group = recordOf(stored[index]);
    const tied = Object.fromEntries(list.tied.map((tie) => [tie.parameter.name, tie.to.name]));
    problems.push(
      ...difference(`group ${index}`, group['params'], list.names),
      ...difference(`the tied parameters of group ${index}`, group['tied'], tied),
    );
  });
  const columns = rules.map((rule) =>
    fittingAverage(
      Object.hasOwn(found, rule.name) ? found[rule.name] : undefined,
      rule,
      groups,
      problems,
    ),
  );
  return groups.map((_, group) =>
    columns.map((column) => column[group] as RunningAverage<HostTensor>),
  );
}

function fittingAverage<T>(
  node: StateTree | undefined,
  { name, rule, compensated }: NamedRule,
  groups: readonly AveragedGroup<T>[],
  problems: string[],
): readonly RunningAverage<HostTensor>[] {
  if (node === undefined) {
    problems.push(`it lacks the average "${name}"`);
    return groups.map(() => NOTHING_AVERAGED);
  }
  const average = recordOf(node);
  problems.push(
    ...difference(`the rule of "${name}"`, average['rule'], rule.name),
    ...difference(`compensated of "${name}"`, average['compensated'], compensated),
  );
  const counters = Array.isArray(average['nAvg']) ? average['nAvg'] : [];
  const windows = Array.isArray(average['window']) ? average['window'] : [];
  const size = rule.kind === 'window' ? rule.window : 0;
  const counts = groups.map((_, group) =>
    counterAt(`group ${group}: nAvg of "${name}"`, counters[group], problems),
  );
  const longest = Math.max(0, ...counts.map((nAvg) => Math.min(nAvg, size)));
  if (windows.length !== longest) {
    problems.push(`the window of "${name}" has ${windows.length} values, expected ${longest}`);
  }
  const wanted = groups.map(({ list }, group) =>
    list.entries.map(({ parameter, averageSpec: spec }) => {
      const hasResidual = compensated && isFloating(spec.dtype);
      return { nAvg: counts[group] as number, name: parameter.name, spec, hasResidual };
    }),
  );
  const averaged = wanted.flat().filter(({ nAvg }) => nAvg > 0);
  const carried = averaged.filter(({ hasResidual }) => hasResidual);
  const swaState = fittingTensors(`${name}: swaState`, average['swaState'], averaged, problems);
  const residuals = fittingTensors(`${name}: residuals`, average['residuals'], carried, problems);
  const window = windows.map((value: StateTree, n) => {
    const own = averaged.filter(({ nAvg }) => n < nAvg);
    return fittingTensors(`${name}: window ${n}`, value, own, problems);
  });
  return wanted.map((entries, group): RunningAverage<HostTensor> => {
    const nAvg = counts[group] as number;
    if (nAvg === 0) return NOTHING_AVERAGED;
    const pick = (from: ReadonlyMap<string, HostTensor>): readonly HostTensor[] =>
      entries.map((entry) => from.get(entry.name) as HostTensor);
    return {
      nAvg,
      averages: pick(swaState),
      residuals: compensated ? entries.map((entry) => residuals.get(entry.name)) : [],
      window: window.slice(0, Math.min(nAvg, size)).map(pick),
    };
  });
}

/** Replaces what the groups hold, as a part of the current transaction. */
export function* restore<T>(
  call: string,
  current: Transaction,
  { terms: { backend }, groups }: Averages<T>,
  fitting: Fitting,
): Steps<void> {
  const uploads: (readonly RunningAverage<T>[])[] = [];
  for (const parts of fitting) {
    const group: RunningAverage<T>[] = [];
    for (const part of parts) group.push(yield* uploaded(call, current, backend, part));
    uploads.push(group);
  }
  const old = groups.flatMap(({ running }) => running.flatMap(tensorsOf));
  current.commit(() => {
    groups.forEach((group, index) => {
      group.running = uploads[index] as readonly RunningAverage<T>[];
    });
  });
  current.release(backend, old);
}

function* uploaded<T>(
  call: string,
  current: Transaction,
  backend: Backend<T>,
  { nAvg, averages, residuals, window }: RunningAverage<HostTensor>,
): Steps<RunningAverage<T>> {
  function* upload(tensors: readonly HostTensor[]): Steps<readonly T[]> {
    if (tensors.length === 0) return [];
    const handles = current.drafts(backend, yield* wait(backend.upload(tensors)));
    if ((yield* wait(backend.allFinite(handles))).every(Boolean)) return handles;
    throw new PolyakError(
      'ERR_NON_FINITE',
      `${call}: the state holds an average that is not finite.`,
    );
  }
  const own = residuals.filter((residual) => residual !== undefined);
  const carried = (yield* upload(own)).values();
  const windows: (readonly T[])[] = [];
  for (const tensors of window) windows.push(yield* upload(tensors));
  return {
    nAvg,
    averages: yield* upload(averages),
    residuals: residuals.map((residual) =>
      residual === undefined ? undefined : carried.next().value,
    ),
    window: windows,
  };
}
