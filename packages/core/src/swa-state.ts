// The state dict of SWA: its form, and what makes one fit a given SWA.
import type { CompensatedAverages } from './backend.js';
import { PolyakError } from './error.js';
import { isTensor, recordOf } from './state-tree.js';
import type { StateTree } from './state-tree.js';
import type { Group, GroupContext } from './swa-group.js';
import { elementCount, formatSpec, sameSpec } from './tensor.js';
import type { HostTensor, TensorSpec } from './tensor.js';

/** Everything that {@link SWA} needs to go on from here, as plain data keyed by parameter name. */
export type SWAState = {
  /** The version of this form. */
  readonly version: 1;
  /** The name of the averaging rule. */
  readonly rule: string;
  /** The state of the base optimizer, in its own form. */
  readonly optState: StateTree;
  /** The running averages. */
  readonly swaState: { readonly [name: string]: HostTensor };
  /** The rounding errors of compensated averages; empty otherwise. */
  readonly swaResiduals: { readonly [name: string]: HostTensor };
  /** The counters of each parameter group. */
  readonly paramGroups: readonly SWAGroupState[];
};

/** The counters of one parameter group, and the names of the parameters it averages. */
export type SWAGroupState = {
  /** The names of the parameters that the group averages. */
  readonly params: readonly string[];
  /** The updates of its average. */
  readonly nAvg: number;
  /** Its steps. */
  readonly stepCounter: number;
};

/** The state of `groups` and of their optimizer, copied. */
export async function stateOf<T>(
  { optimizer, rule }: GroupContext<T>,
  groups: readonly Group<T>[],
): Promise<SWAState> {
  const averages: [string, HostTensor][] = [];
  const residuals: [string, HostTensor][] = [];
  const paramGroups: SWAGroupState[] = [];
  for (const { average, nAvg, stepCounter } of groups) {
    const params = average.parameters.map(({ parameter }) => parameter.name);
    const contents = await average.download();
    contents.averages.forEach((tensor, index) => averages.push([params[index] ?? '', tensor]));
    contents.residuals.forEach((tensor, index) => residuals.push([params[index] ?? '', tensor]));
    paramGroups.push({ params, nAvg, stepCounter });
  }
  return {
    version: 1,
    rule: rule.name,
    optState: await optimizer.stateDict(),
    swaState: Object.fromEntries(averages),
    swaResiduals: Object.fromEntries(residuals),
    paramGroups,
  };
}

/**
 * Replaces what `groups` and their optimizer hold by `state`, after everything has been checked and uploaded.
 *
 * @throws PolyakError `ERR_STATE`, with every difference; `ERR_NON_FINITE`
 */
export async function restoreState<T>(
  { backend, optimizer, rule, isCompensated }: GroupContext<T>,
  groups: readonly Group<T>[],
  state: StateTree,
): Promise<void> {
  const restored = restoredGroups(state, groups, rule.name, isCompensated);
  const uploaded: T[] = [];
  const upload = async (tensors: readonly HostTensor[]): Promise<readonly T[]> => {
    const handles = await backend.upload(tensors);
    uploaded.push(...handles);
    if ((await backend.allFinite(handles)).every(Boolean)) return handles;
    throw new PolyakError('ERR_NON_FINITE', 'loadStateDict: the state holds an average that is not finite.');
  };
  const contents: CompensatedAverages<T>[] = [];
  try {
    for (const { averages, residuals } of restored) {
      contents.push({ averages: await upload(averages), residuals: await upload(residuals) });
    }
    await optimizer.loadStateDict((state as SWAState).optState);
  } catch (error) {
    await backend.dispose(uploaded);
    throw error;
  }
  for (const [index, group] of groups.entries()) {
    const { nAvg, stepCounter } = restored[index] as RestoredGroup;
    await group.average.restore(contents[index] as CompensatedAverages<T>, nAvg);
    group.stepCounter = stepCounter;
  }
}

/** What one group takes from a state. */
interface RestoredGroup extends CompensatedAverages<HostTensor> {
  readonly nAvg: number;
  readonly stepCounter: number;
}

function restoredGroups<T>(
  state: StateTree,
  groups: readonly Group<T>[],
  rule: string,
  isCompensated: boolean,
): readonly RestoredGroup[] {
  const root = recordOf(state);
  const stored = root['paramGroups'];
  if (root['version'] !== 1 || !Array.isArray(stored) || root['optState'] === undefined) {
    throw new PolyakError('ERR_STATE', 'loadStateDict: this is no state of SWA, version 1.');
  }
  const problems: string[] = [];
  if (root['rule'] !== rule)
    problems.push(`its averages follow the rule ${JSON.stringify(root['rule'])}, this SWA's "${rule}"`);
  if (stored.length !== groups.length) {
    problems.push(`it has ${stored.length} parameter groups, this SWA ${groups.length}`);
  }
  const restored = groups.map(({ average }, index): RestoredGroup => {
    const group = recordOf(stored[index]);
    const nAvg = counter(group['nAvg'], `group ${index}: nAvg`, problems);
    const stepCounter = counter(group['stepCounter'], `group ${index}: stepCounter`, problems);
    const names = average.parameters.map(({ parameter }) => parameter.name);
    if (JSON.stringify(group['params']) !== JSON.stringify(names)) {
      problems.push(
        `group ${index}: it has ${JSON.stringify(group['params'])}, this SWA ${JSON.stringify(names)}`,
      );
    }
    const take = (key: 'swaState' | 'swaResiduals', count: number): readonly HostTensor[] =>
      average.parameters
        .slice(0, nAvg > 0 ? count : 0)
        .map(({ parameter: { name }, averageSpec }) =>
          averageOf(root[key], key, name, averageSpec, problems),
        );
    const averages = take('swaState', average.parameters.length);
    const residuals = take('swaResiduals', isCompensated ? average.floatingCount : 0);
    return { averages, residuals, nAvg, stepCounter };
  });
  if (!isCompensated && Object.keys(recordOf(root['swaResiduals'])).length > 0) {
    problems.push('it is compensated, this SWA is not: pass isCompensated: true');
  }
  if (problems.length > 0) {
    throw new PolyakError('ERR_STATE', `loadStateDict: the state does not fit: ${problems.join('; ')}.`);
  }
  return restored;
}

function counter(node: StateTree | undefined, what: string, problems: string[]): number {
  if (typeof node === 'number' && Number.isInteger(node) && node >= 0) return node;
  problems.push(`${what} is ${JSON.stringify(node)}, expected an integer >= 0`);
  return 0;
}

function averageOf(
  tensors: StateTree | undefined,
  key: string,
  name: string,
  spec: TensorSpec,
  problems: string[],
): HostTensor {
  const all = recordOf(tensors);
  const found = Object.hasOwn(all, name) ? all[name] : undefined;
  const empty = { ...spec, data: new Uint8Array() };
  if (found === undefined || !isTensor(found)) {
    problems.push(`${key} lacks "${name}"`);
    return empty;
  }
  if (!sameSpec(found, spec) || found.data.length !== elementCount(spec.shape)) {
    problems.push(`${key}: "${name}" is ${formatSpec(found)}, the model's ${formatSpec(spec)}`);
    return empty;
  }
  return found;
}
