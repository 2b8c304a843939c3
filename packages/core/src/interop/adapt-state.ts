// Adapts a state of averages to a run that continues with other settings. Only named changes are
// made.
import { described, requireMembers, requireOptions } from '../arguments.js';
import type { AveragesState, AverageState } from '../averaging/averages-state.js';
import { requireFit } from '../state/differences.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { readState } from '../state/read-state.js';
import type { StateTree } from '../state/state-tree.js';
import { isFloating, zeros } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import { requireState, requireTensors } from './require-state.js';

/** The changes between a state and the averages that resume from it. */
export interface StateChanges {
  /** The new names of parameters, by the old ones. */
  readonly renamed?: { readonly [name: string]: string };
  /**
   * New parameters, each with the value at which its averages start. Those of a new parameter group
   * start empty.
   */
  readonly newParameters?: NamedTensors;
  /** Removed parameters, by their old names. */
  readonly droppedParameters?: readonly string[];
  /** Averages that continue with another rule or another accumulator. */
  readonly changedRules?: readonly string[];
  /** New averages. They start empty. */
  readonly newAverages?: readonly string[];
  /** Removed averages. */
  readonly droppedAverages?: readonly string[];
}

/**
 * Adapts a state to averages with other settings. Differences that `changes` does not name are
 * kept, so that `loadStateDict` throws and lists them. Parameter groups are matched by position.
 *
 * The state of the base optimizer is kept. If the optimizer cannot resume from it, use the new
 * one's: `{ ...adapted, optState: target.optState }`.
 *
 * @param state - the state of the run so far
 * @param target - the `stateDict` of the `SWA` or `AveragedModel` that is to resume from it
 * @param changes - see {@link StateChanges}
 * @returns a new state, for `loadStateDict`
 * @throws TypeError where an argument is not of its form
 * @throws PolyakError `ERR_STATE` where a change names what is not there, or gives a name that
 * another one has
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { AveragedModel } from '@polyak/core';
 * import { adaptState } from '@polyak/core/interop';
 * import { equal, exponential } from '@polyak/core/rules';
 *
 * const data = Float32Array.of(2);
 * const weight = parameter('fc.weight', { dtype: 'float32', shape: [1], data });
 * const before = new AveragedModel([weight], { backend: cpuBackend(), rule: equal() });
 * await before.update();
 * const after = new AveragedModel([{ ...weight, name: 'head.weight' }], {
 *   backend: cpuBackend(),
 *   rule: exponential(0.9),
 * });
 * const state = adaptState(await before.stateDict(), await after.stateDict(), {
 *   renamed: { 'fc.weight': 'head.weight' },
 *   changedRules: ['swa'],
 * });
 * await after.loadStateDict(state);
 * console.log(after.nAvg); // 1
 * ```
 */
export function adaptState<State extends AveragesState>(
  state: State,
  target: State,
  changes: StateChanges,
): State {
  const read = <Data>(data: Data): Data => readState('adaptState', data as StateTree) as Data;
  return adapted(read(state), read(target), read(changes));
}

function adapted<State extends AveragesState>(
  state: State,
  target: State,
  given: StateChanges,
): State {
  requireState('adaptState: the state', state);
  requireState('adaptState: the target', target);
  for (const { swaState } of Object.values(state.averages)) {
    requireTensors('adaptState: the tensor', swaState);
  }
  const changes = requireOptions('adaptState', given, Object.keys(CHANGES));
  requireMembers(
    'adaptState: the changes',
    changes,
    Object.fromEntries(Object.entries(CHANGES).filter(([name]) => name in changes)),
    'Expected names in lists, and records by name.',
  );
  requireTensors('adaptState: the new parameter', changes.newParameters ?? {});
  requireFit(problemsOf(state, target, changes), {
    code: 'ERR_STATE',
    call: 'adaptState',
    what: 'a change',
  });
  const renamed = new Map(Object.entries(changes.renamed ?? {}));
  const dropped = new Set(changes.droppedParameters);
  const added = new Map(Object.entries(changes.newParameters ?? {}));
  const changed = new Set(changes.changedRules);
  /** The entries of a record under their new names. */
  const kept = <V>(record: { readonly [name: string]: V }): readonly (readonly [string, V])[] =>
    Object.entries(record)
      .filter(([name]) => !dropped.has(name))
      .map(([name, value]) => [renamed.get(name) ?? name, value]);

  const groups = target.paramGroups.map((wanted, index) => {
    const old = state.paramGroups[index];
    if (old === undefined) return wanted;
    const names = kept(Object.fromEntries(old.params.map((name) => [name, name])));
    const own = new Set(names.map(([name]) => name));
    const there = new Set(wanted.params);
    const tied = kept(old.tied).map(([name, to]) => [name, renamed.get(to) ?? to] as const);
    return {
      ...old,
      params: [
        ...wanted.params.filter((name) => own.has(name) || added.has(name)),
        ...[...own].filter((name) => !there.has(name)),
      ],
      tied: Object.fromEntries([
        ...tied,
        ...Object.entries(wanted.tied).filter(([name]) => added.has(name)),
      ]),
    };
  });

  const averages = new Map(Object.entries(state.averages));
  for (const name of changes.droppedAverages ?? []) averages.delete(name);
  for (const [name, own] of averages) {
    const wanted = target.averages[name] ?? own;
    const { rule, compensated } = changed.has(name) ? wanted : own;
    const nAvg = target.paramGroups.map((_, index) => own.nAvg[index] ?? 0);
    /** The new parameters of groups with more updates than that. */
    const begun = (updates: number): readonly (readonly [string, HostTensor])[] =>
      groups.flatMap(({ params }, index) =>
        (nAvg[index] ?? 0) > updates ? params.flatMap((param) => entryOf(added, param)) : [],
      );
    const swaState = Object.fromEntries([...kept(own.swaState), ...begun(0)]);
    averages.set(name, {
      rule,
      compensated,
      nAvg,
      swaState,
      residuals: compensated ? residualsOf(swaState, kept(own.residuals)) : {},
      window: changed.has(name)
        ? []
        : own.window.map((values, n) => Object.fromEntries([...kept(values), ...begun(n)])),
    });
  }
  for (const name of changes.newAverages ?? []) {
    averages.set(name, target.averages[name] as AverageState);
  }
  return { ...state, averages: Object.fromEntries(averages), paramGroups: groups };
}

const CHANGES = {
  renamed: 'an object',
  newParameters: 'an object',
  droppedParameters: 'an array',
  changedRules: 'an array',
  newAverages: 'an array',
  droppedAverages: 'an array',
} as const;

function entryOf<V>(map: ReadonlyMap<string, V>, name: string): readonly [string, V][] {
  const value = map.get(name);
  return value === undefined ? [] : [[name, value]];
}

/** The residuals of floating tensors: the old ones, and zeros for the others. */
function residualsOf(
  swaState: NamedTensors,
  own: readonly (readonly [string, HostTensor])[],
): NamedTensors {
  const floating = Object.entries(swaState).filter(([, { dtype }]) => isFloating(dtype));
  return Object.fromEntries([
    ...floating.map(([name, tensor]) => [name, zeros(tensor)] as const),
    ...own,
  ]);
}

/** Changes of what is not there, and names that would stand for two. */
function problemsOf(
  state: AveragesState,
  target: AveragesState,
  changes: StateChanges,
): readonly string[] {
  const parametersOf = ({ paramGroups }: AveragesState): ReadonlySet<string> =>
    new Set(paramGroups.flatMap(({ params, tied }) => [...params, ...Object.keys(tied)]));
  const averagesOf = ({ averages }: AveragesState): ReadonlySet<string> =>
    new Set(Object.keys(averages));
  const missing = (
    what: string,
    names: readonly string[] | undefined,
    there: ReadonlySet<string>,
  ): readonly string[] =>
    (names ?? []).filter((name) => !there.has(name)).map((name) => `${what} ${described(name)}`);
  const [old, now] = [parametersOf(state), parametersOf(target)];
  const renamed = new Map(Object.entries(changes.renamed ?? {}));
  const dropped = new Set(changes.droppedParameters);
  const added = new Set(Object.keys(changes.newParameters ?? {}));
  const parameters = [...old].filter((name) => !dropped.has(name));
  const droppedAverages = new Set(changes.droppedAverages);
  const averages = [...averagesOf(state)].filter((name) => !droppedAverages.has(name));
  return [
    ...missing('the state has no parameter', Object.keys(changes.renamed ?? {}), old),
    ...missing('the target has no parameter', Object.values(changes.renamed ?? {}), now),
    ...missing('the target has no parameter', Object.keys(changes.newParameters ?? {}), now),
    ...missing('the state has no parameter', changes.droppedParameters, old),
    ...missing('the state has no average', changes.changedRules, averagesOf(state)),
    ...missing('the target has no average', changes.changedRules, averagesOf(target)),
    ...missing('the target has no average', changes.newAverages, averagesOf(target)),
    ...missing('the state has no average', changes.droppedAverages, averagesOf(state)),
    ...state.paramGroups
      .slice(target.paramGroups.length)
      .flatMap(({ params }) => params.filter((name) => !dropped.has(name)))
      .map((name) => `the target lacks the parameter group of "${name}"`),
    ...target.paramGroups
      .slice(state.paramGroups.length)
      .flatMap(({ params }) => params.filter((name) => !added.has(name)))
      .map((name) => `the state lacks the parameter group of "${name}"`),
    ...twice('two parameters become', [
      ...parameters.map((name) => renamed.get(name) ?? name),
      ...added,
    ]),
    ...twice('two averages become', [...averages, ...(changes.newAverages ?? [])]),
  ];
}

/** Names that occur more than once. */
function twice(what: string, names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return names.flatMap((name) =>
    seen.size === seen.add(name).size ? [`${what} ${described(name)}`] : [],
  );
}
