// The state dict of SWA: its form, and what makes one fit a given SWA.
import { PolyakError } from './error.js';
import type { ParameterList } from './parameter-list.js';
import { isWindow } from './rules/rule.js';
import type { AverageContents } from './running-average.js';
import { isTensor, recordOf } from './state-tree.js';
import type { StateTree } from './state-tree.js';
import { averageAt } from './swa-group.js';
import type { Group, GroupContext } from './swa-group.js';
import type { NamedRule } from './swa-options.js';
import { elementCount, formatSpec, sameSpec } from './tensor.js';
import type { HostTensor, TensorSpec } from './tensor.js';

/** Everything that {@link SWA} needs to go on from here, as plain data keyed by parameter name. */
export type SWAState = {
  /** The version of this form. */
  readonly version: 1;
  /** The state of the base optimizer, in its own form. */
  readonly optState: StateTree;
  /** Each average under its name, `swa` where there is one without a name. */
  readonly averages: { readonly [name: string]: SWAAverageState };
  /** The counters of each parameter group. */
  readonly paramGroups: readonly SWAGroupState[];
};

/** One average of all groups. */
export type SWAAverageState = {
  /** The name of its rule. */
  readonly rule: string;
  /** The updates that made it, of each parameter group. */
  readonly nAvg: readonly number[];
  /** The running averages. */
  readonly swaState: NamedTensors;
  /** The rounding errors of compensated averages; empty otherwise. */
  readonly residuals: NamedTensors;
  /** The last values of a rule with a window, the oldest first; empty otherwise. */
  readonly window: readonly NamedTensors[];
};

/** Tensors keyed by the names of parameters. */
export type NamedTensors = { readonly [name: string]: HostTensor };

/** The counter of one parameter group, and the names of the parameters it averages. */
export type SWAGroupState = {
  /** The names of the parameters that the group averages. */
  readonly params: readonly string[];
  /** Its steps. */
  readonly stepCounter: number;
};

/** The state of `groups` and of their optimizer, copied. */
export async function stateOf<T>(
  { optimizer, averages }: GroupContext<T>,
  groups: readonly Group<T>[],
): Promise<SWAState> {
  const states: [string, SWAAverageState][] = [];
  for (const [index, { name, rule }] of averages.entries()) {
    const parts = groups.map((group) => ({
      names: group.list.names,
      average: averageAt(group, index),
    }));
    const contents: (AverageContents<HostTensor> & { readonly names: readonly string[] })[] = [];
    for (const { names, average } of parts) contents.push({ names, ...(await average.download()) });
    const length = Math.max(0, ...contents.map(({ window }) => window.length));
    states.push([
      name,
      {
        rule: rule.name,
        nAvg: parts.map(({ average }) => average.nAvg),
        swaState: named(contents.map((part) => [part.names, part.averages])),
        residuals: named(contents.map((part) => [part.names, part.residuals])),
        window: Array.from({ length }, (_, n) =>
          named(contents.map((part) => [part.names, part.window[n] ?? []])),
        ),
      },
    ]);
  }
  return {
    version: 1,
    optState: await optimizer.stateDict(),
    averages: Object.fromEntries(states),
    paramGroups: groups.map(({ list, stepCounter }) => ({ params: list.names, stepCounter })),
  };
}

/**
 * Replaces what `groups` and their optimizer hold by `state`, after everything has been checked and uploaded.
 *
 * @throws PolyakError `ERR_STATE`, with every difference; `ERR_NON_FINITE`
 */
export async function restoreState<T>(
  { backend, optimizer, averages }: GroupContext<T>,
  groups: readonly Group<T>[],
  state: StateTree,
): Promise<void> {
  const restored = restoredGroups(state, groups, averages);
  const uploaded: T[] = [];
  const upload = async (tensors: readonly HostTensor[]): Promise<readonly T[]> => {
    const handles = await backend.upload(tensors);
    uploaded.push(...handles);
    if ((await backend.allFinite(handles)).every(Boolean)) return handles;
    throw new PolyakError(
      'ERR_NON_FINITE',
      'loadStateDict: the state holds an average that is not finite.',
    );
  };
  const contents: (readonly AverageContents<T>[])[] = [];
  try {
    for (const group of restored) {
      const uploads: AverageContents<T>[] = [];
      for (const part of group.averages) {
        const window: (readonly T[])[] = [];
        for (const tensors of part.window) window.push(await upload(tensors));
        uploads.push({
          averages: await upload(part.averages),
          residuals: await upload(part.residuals),
          window,
        });
      }
      contents.push(uploads);
    }
    await optimizer.loadStateDict((state as SWAState).optState);
  } catch (error) {
    await backend.dispose(uploaded);
    throw error;
  }
  for (const [index, group] of groups.entries()) {
    const { averages: parts, stepCounter } = restored[index] as RestoredGroup;
    for (const [n, average] of group.averages.entries()) {
      await average.restore(contents[index]?.[n] as AverageContents<T>, parts[n]?.nAvg ?? 0);
    }
    group.stepCounter = stepCounter;
  }
}

/** What one group takes from a state. */
interface RestoredGroup {
  readonly averages: readonly RestoredAverage[];
  readonly stepCounter: number;
}

/** What one average of one group takes from it. */
interface RestoredAverage extends AverageContents<HostTensor> {
  readonly nAvg: number;
}

function restoredGroups<T>(
  state: StateTree,
  groups: readonly Group<T>[],
  averages: readonly NamedRule[],
): readonly RestoredGroup[] {
  const root = recordOf(state);
  const stored = root['paramGroups'];
  if (root['version'] !== 1 || !Array.isArray(stored) || root['optState'] === undefined) {
    throw new PolyakError('ERR_STATE', 'loadStateDict: this is no state of SWA, version 1.');
  }
  const problems: string[] = [];
  if (stored.length !== groups.length) {
    problems.push(`it has ${stored.length} parameter groups, this SWA ${groups.length}`);
  }
  const found = recordOf(root['averages']);
  const names = averages.map(({ name }) => name);
  const surplus = Object.keys(found).filter((name) => !names.includes(name));
  if (surplus.length > 0)
    problems.push(`it has ${quoted(surplus)} among its averages, this SWA ${quoted(names)}`);
  const restored = groups.map(({ list: parameters }, index): RestoredGroup => {
    const params = parameters.names;
    const group = recordOf(stored[index]);
    const stepCounter = counter(group['stepCounter'], `group ${index}: stepCounter`, problems);
    if (JSON.stringify(group['params']) !== JSON.stringify(params)) {
      problems.push(
        `group ${index}: it has ${JSON.stringify(group['params'])}, this SWA ${JSON.stringify(params)}`,
      );
    }
    return {
      averages: averages.map((average) =>
        restoredAverage(property(found, average.name), average, parameters, index, problems),
      ),
      stepCounter,
    };
  });
  problems.push(
    ...averages.flatMap((average) => mismatches(property(found, average.name), average)),
  );
  if (problems.length > 0) {
    throw new PolyakError(
      'ERR_STATE',
      `loadStateDict: the state does not fit: ${problems.join('; ')}.`,
    );
  }
  return restored;
}

/** What is wrong with an average whatever the parameters. */
function mismatches(
  node: StateTree | undefined,
  { name, rule, isCompensated }: NamedRule,
): readonly string[] {
  const average = recordOf(node);
  if (node === undefined) return [`it lacks the average "${name}"`];
  const isOther = average['rule'] !== rule.name;
  const hasResiduals = Object.keys(recordOf(average['residuals'])).length > 0;
  return [
    ...(isOther
      ? [
          `its average "${name}" follows the rule ${JSON.stringify(average['rule'])}, this SWA's "${rule.name}"`,
        ]
      : []),
    ...(hasResiduals && !isCompensated
      ? [`its average "${name}" is compensated, this SWA's is not: pass isCompensated: true`]
      : []),
  ];
}

function restoredAverage<T>(
  node: StateTree | undefined,
  { name, rule, isCompensated }: NamedRule,
  { parameters, floatingCount }: ParameterList<T>,
  group: number,
  problems: string[],
): RestoredAverage {
  if (node === undefined) return { averages: [], residuals: [], window: [], nAvg: 0 };
  const average = recordOf(node);
  const counters = average['nAvg'];
  const what = `group ${group}: nAvg of "${name}"`;
  const nAvg = counter(Array.isArray(counters) ? counters[group] : undefined, what, problems);
  const take = (
    tensors: StateTree | undefined,
    key: string,
    count: number,
  ): readonly HostTensor[] =>
    parameters
      .slice(0, nAvg > 0 ? count : 0)
      .map(({ parameter, averageSpec }) =>
        averageOf(tensors, `${name}: ${key}`, parameter.name, averageSpec, problems),
      );
  const values = Array.isArray(average['window']) ? average['window'] : [];
  const windowLength = isWindow(rule) ? Math.min(nAvg, rule.window) : 0;
  const isOwn = (value: StateTree | undefined): boolean =>
    parameters.some(({ parameter }) => property(recordOf(value), parameter.name) !== undefined);
  const ownLength = values.filter(isOwn).length;
  if (ownLength !== windowLength) {
    problems.push(
      `group ${group}: the window of "${name}" has ${ownLength} values, expected ${windowLength}`,
    );
  }
  return {
    averages: take(average['swaState'], 'swaState', parameters.length),
    residuals: take(average['residuals'], 'residuals', isCompensated ? floatingCount : 0),
    window: values
      .slice(0, Math.min(windowLength, ownLength))
      .map((value, n) => take(value, `window ${n}`, parameters.length)),
    nAvg,
  };
}

function property(
  record: { readonly [name: string]: StateTree },
  name: string,
): StateTree | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function counter(node: StateTree | undefined, what: string, problems: string[]): number {
  if (typeof node === 'number' && Number.isInteger(node) && node >= 0) return node;
  problems.push(`${what} is ${JSON.stringify(node)}, expected an integer >= 0`);
  return 0;
}

function averageOf(
  tensors: StateTree | undefined,
  where: string,
  name: string,
  spec: TensorSpec,
  problems: string[],
): HostTensor {
  const found = property(recordOf(tensors), name);
  const empty = { ...spec, data: new Uint8Array() };
  if (found === undefined || !isTensor(found)) {
    problems.push(`${where} lacks "${name}"`);
    return empty;
  }
  if (!sameSpec(found, spec) || found.data.length !== elementCount(spec.shape)) {
    problems.push(`${where}: "${name}" is ${formatSpec(found)}, the model's ${formatSpec(spec)}`);
    return empty;
  }
  return found;
}

function named(
  lists: readonly (readonly [names: readonly string[], tensors: readonly HostTensor[]])[],
): NamedTensors {
  return Object.fromEntries(
    lists.flatMap(([names, tensors]) =>
      tensors.map((tensor, index) => [names[index] ?? '', tensor]),
    ),
  );
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
