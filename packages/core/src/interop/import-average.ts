// Puts averages of other libraries into a state.
import type { AveragesState, AverageState } from '../averaging/averages-state.js';
import { described, requireFunction, requireMembers, requireOptions } from '../arguments.js';
import { requireFit } from '../state/differences.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { readState } from '../state/read-state.js';
import type { StateTree } from '../state/state-tree.js';
import { canonical, isFloating, sameBytes, zeros } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import { requireAll, requireState, requireTensors } from './require-state.js';

/** An average that another library made. */
export interface ImportedAverage {
  /** The averages by parameter name; float32 if the file has half precision. */
  readonly swaState: NamedTensors;
  /** The number of updates: one for all parameter groups, or one for each. */
  readonly nAvg: readonly number[];
  /** The number of steps of each parameter group, if the library counts them. */
  readonly stepCounter?: readonly number[];
}

/** Options of {@link importAverage}. */
export interface ImportOptions {
  /** The name of the average to replace. Default: the first. */
  readonly average?: string;
  /**
   * Whether to leave out a tensor of the file, such as running statistics that are not parameters
   * here. Default: none.
   */
  readonly ignore?: (name: string) => boolean;
}

/**
 * Replaces an average of a state by an imported one. A compensated average starts with residuals of
 * 0.
 *
 * @param state - the `stateDict` of the `SWA` or `AveragedModel` that is to resume from it
 * @param imported - the average, such as from `fromAveragedModel`
 * @param options - see {@link ImportOptions}
 * @returns a new state, for `loadStateDict`
 * @throws TypeError where an argument is not of its form
 * @throws PolyakError `ERR_STATE` where names or counts do not fit, with every difference, and
 *   where nothing was averaged. (A mean of the last values cannot go on from a mean:
 *   `loadStateDict` refuses it.)
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { AveragedModel } from '@polyak/core';
 * import { exponential } from '@polyak/core/rules';
 * import { importAverage } from '@polyak/core/interop';
 *
 * const data = new Float32Array(1);
 * const weight = parameter('fc.weight', { dtype: 'float32', shape: [1], data });
 * const ema = new AveragedModel([weight], { backend: cpuBackend(), rule: exponential(0.9) });
 * const average = { dtype: 'float32', shape: [1], data: Float32Array.of(0.5) } as const;
 * const imported = { swaState: { 'fc.weight': average }, nAvg: [5] };
 * await ema.loadStateDict(importAverage(await ema.stateDict(), imported));
 * console.log(ema.nAvg); // 5
 * ```
 */
export function importAverage<State extends AveragesState>(
  state: State,
  imported: ImportedAverage,
  options: ImportOptions = {},
): State {
  const read = <Data>(data: Data): Data => readState('importAverage', data as StateTree) as Data;
  return withImported(read(state), read(imported), options);
}

function withImported<State extends AveragesState>(
  state: State,
  imported: ImportedAverage,
  options: ImportOptions,
): State {
  requireState('importAverage: the state', state);
  requireMembers(
    'importAverage: the average',
    imported,
    { swaState: 'an object', nAvg: 'an array' },
    'Pass { swaState, nAvg: [...] }, such as fromAveragedModel() returns.',
  );
  requireAll('importAverage: nAvg', imported.nAvg, 'a number');
  requireAll('importAverage: stepCounter', imported.stepCounter ?? [], 'a number');
  requireTensors('importAverage: the tensor', imported.swaState);
  const known = requireOptions('importAverage', options, ['average', 'ignore']);
  const { averages, paramGroups } = state;
  const { average: name = Object.keys(averages)[0] ?? '', ignore = () => false } = known;
  requireFunction('importAverage', 'ignore', ignore);
  const counts =
    imported.nAvg.length === 1 ? paramGroups.map(() => imported.nAvg[0] ?? 0) : imported.nAvg;
  const isThere = typeof name === 'string' && Object.hasOwn(averages, name);
  const found = isThere ? averages[name] : undefined;
  const problems: string[] = [];
  const given = byOwner(state, imported.swaState, problems);
  const wanted = paramGroups.flatMap(({ params }, group) =>
    (counts[group] ?? 0) > 0 ? params : [],
  );
  if (found === undefined) problems.push(`there is no average ${described(name)}`);
  for (const each of differences(state, given, wanted, counts, imported.stepCounter, ignore)) {
    problems.push(each);
  }
  requireFit(problems, { code: 'ERR_STATE', call: 'importAverage', what: 'the average' });
  const tensors = wanted.map((param) => [param, given.get(param) as HostTensor] as const);
  const carried = tensors.filter(([, { dtype }]) => found?.compensated && isFloating(dtype));
  return {
    ...state,
    averages: {
      ...averages,
      [name]: {
        ...(found as AverageState),
        nAvg: counts,
        swaState: Object.fromEntries(tensors),
        residuals: Object.fromEntries(carried.map(([param, own]) => [param, zeros(own)])),
        window: [],
      },
    },
    paramGroups: paramGroups.map((group, index) => {
      const stepCounter = imported.stepCounter?.[index];
      return stepCounter === undefined ? group : { ...group, stepCounter };
    }),
  };
}

/** The tensors by the names of the parameters that are averaged; tied names are replaced. */
function byOwner(
  { paramGroups }: AveragesState,
  swaState: NamedTensors,
  problems: string[],
): ReadonlyMap<string, HostTensor> {
  const tied = new Map(paramGroups.flatMap((group) => Object.entries(group.tied)));
  const given = new Map<string, HostTensor>();
  for (const [name, each] of Object.entries(swaState)) {
    const [owner, tensor] = [tied.get(name) ?? name, canonical(each)];
    const other = given.get(owner);
    if (other !== undefined && !sameBytes(other.data, tensor.data)) {
      problems.push(`"${name}" differs from a parameter that is tied to it`);
    }
    given.set(owner, tensor);
  }
  return given;
}

function differences(
  { paramGroups }: AveragesState,
  given: ReadonlyMap<string, HostTensor>,
  wanted: readonly string[],
  counts: readonly number[],
  stepCounter: readonly number[] | undefined,
  ignore: (name: string) => boolean,
): readonly string[] {
  const own = new Set(paramGroups.flatMap(({ params }) => params));
  const surplus = [...given.keys()].filter((name) => !own.has(name) && !ignore(name));
  const lengths = new Set([counts.length, (stepCounter ?? counts).length]);
  return [
    ...(counts.every((count) => count === 0) ? ['it has no updates'] : []),
    ...wanted.filter((name) => !given.has(name)).map((name) => `it lacks "${name}"`),
    ...surplus.map((name) => `no parameter is named "${name}"`),
    ...[...lengths]
      .filter((length) => length !== paramGroups.length)
      .map((length) => `it has ${length} parameter groups, expected ${paramGroups.length}`),
  ];
}
