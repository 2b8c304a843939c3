// Averages that another library made, on their way into a state.
import type { AveragesState } from '../averaging/averages-state.js';
import { described, requireOptions } from '../arguments.js';
import { PolyakError } from '../error.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { arrayOf, canonical, elementCount, isFloating } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';

/** An average that another library made. */
export interface ImportedAverage {
  /** The averages by the names of the parameters; float32 where the file has half precision. */
  readonly swaState: NamedTensors;
  /** The updates that made it: one number for all parameter groups, or one for each. */
  readonly nAvg: readonly number[];
  /** The steps of each parameter group, where the library counts them. */
  readonly stepCounter?: readonly number[];
}

/** Options of {@link importAverage}. */
export interface ImportOptions {
  /** Which of several averages it becomes. Default the first. */
  readonly average?: string;
  /**
   * Which tensors of the file are left out, such as running statistics where they are no parameters
   * here. Default none.
   */
  readonly ignore?: (name: string) => boolean;
}

/**
 * A state with an imported average in place of its own. A compensated one begins with residuals of
 * 0.
 *
 * @param state - what `stateDict` of the `SWA` or `AveragedModel` gives that is to go on from it
 * @param imported - such as `fromAveragedModel` gives
 * @param options - see {@link ImportOptions}
 * @returns a new state, for `loadStateDict`
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
  requireArguments(state, imported);
  requireOptions('importAverage', options, ['average', 'ignore']);
  const { averages, paramGroups } = state;
  const { average: name = Object.keys(averages)[0] ?? '' } = options;
  const counts =
    imported.nAvg.length === 1 ? paramGroups.map(() => imported.nAvg[0] ?? 0) : imported.nAvg;
  const found = Object.hasOwn(averages, name) ? averages[name] : undefined;
  const given = byOwner(state, imported.swaState);
  const wanted = paramGroups.flatMap(({ params }, group) =>
    (counts[group] ?? 0) > 0 ? params : [],
  );
  const problems = [
    ...(found === undefined ? [`there is no average "${name}"`] : []),
    ...differences(state, given, wanted, counts, imported.stepCounter, options),
  ];
  if (found === undefined || problems.length > 0) {
    throw new PolyakError(
      'ERR_STATE',
      `importAverage: the average does not fit: ${problems.join('; ')}.`,
    );
  }
  const tensors = wanted.map((param) => [param, given.get(param) as HostTensor] as const);
  const floating = tensors.filter(([, { dtype }]) => found.compensated && isFloating(dtype));
  return {
    ...state,
    averages: {
      ...averages,
      [name]: {
        ...found,
        nAvg: counts,
        swaState: Object.fromEntries(tensors),
        residuals: Object.fromEntries(floating.map(([param, own]) => [param, zerosLike(own)])),
        window: [],
      },
    },
    paramGroups: paramGroups.map((group, index) => {
      const stepCounter = imported.stepCounter?.[index];
      return stepCounter === undefined ? group : { ...group, stepCounter };
    }),
  };
}

function requireArguments(state: AveragesState, imported: ImportedAverage): void {
  // What JavaScript passes may be anything.
  const { averages, paramGroups } = (state ?? {}) as Partial<AveragesState>;
  if (typeof averages !== 'object' || !Array.isArray(paramGroups)) {
    throw new TypeError(
      `importAverage: the state is ${described(state)}. Expected what stateDict() gives.`,
    );
  }
  const { swaState, nAvg } = (imported ?? {}) as Partial<ImportedAverage>;
  if (typeof swaState !== 'object' || !Array.isArray(nAvg)) {
    throw new TypeError(
      `importAverage: the average is ${described(imported)}. Expected { swaState, nAvg: [...] }, ` +
        'such as fromAveragedModel() gives.',
    );
  }
}

/** The tensors under the names of the parameters that are averaged for theirs. */
function byOwner(
  { paramGroups }: AveragesState,
  swaState: NamedTensors,
): ReadonlyMap<string, HostTensor> {
  const tied = new Map(paramGroups.flatMap((group) => Object.entries(group.tied)));
  return new Map(
    Object.entries(swaState).map(([name, tensor]) => [tied.get(name) ?? name, canonical(tensor)]),
  );
}

function differences(
  { paramGroups }: AveragesState,
  given: ReadonlyMap<string, HostTensor>,
  wanted: readonly string[],
  counts: readonly number[],
  stepCounter: readonly number[] | undefined,
  { ignore = () => false }: ImportOptions,
): readonly string[] {
  const own = new Set(paramGroups.flatMap(({ params }) => params));
  const surplus = [...given.keys()].filter((name) => !own.has(name) && !ignore(name));
  const lengths = new Set([counts.length, (stepCounter ?? counts).length]);
  return [
    ...(counts.every((count) => count === 0) ? ['nothing has been averaged in it'] : []),
    ...wanted.filter((name) => !given.has(name)).map((name) => `it lacks "${name}"`),
    ...surplus.map((name) => `no parameter is named "${name}"`),
    ...[...lengths]
      .filter((length) => length !== paramGroups.length)
      .map((length) => `it has ${length} parameter groups, expected ${paramGroups.length}`),
  ];
}

function zerosLike({ dtype, shape }: HostTensor): HostTensor {
  return { dtype, shape, data: new (arrayOf(dtype))(elementCount(shape)) };
}
