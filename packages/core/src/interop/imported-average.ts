// Averages that another library made, on their way into SWA.
import { PolyakError } from '../error.js';
import { isWindow } from '../rules/rule.js';
import type { NamedRule } from '../swa-options.js';
import type { NamedTensors, SWAState } from '../swa-state.js';
import { arrayOf, elementCount, isFloating } from '../tensor.js';
import type { HostTensor } from '../tensor.js';

/** An average that another library made. */
export interface ImportedAverage {
  /** The averages by the names of the parameters; float32 where the file has half precision. */
  readonly swaState: NamedTensors;
  /** The updates that made it: one number for all parameter groups, or one for each. */
  readonly nAvg: readonly number[];
  /** The steps of each parameter group, where the library counts them. */
  readonly stepCounter?: readonly number[];
}

/** Options of `SWA.importAverage`. */
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
 * `state` with an imported average in place of its own. A compensated one begins with residuals of
 * 0.
 *
 * @param state - of the SWA
 * @param rules - its averages
 * @param tied - the names of parameters that another one averages, each with the name of that
 * @throws PolyakError `ERR_STATE` where names or counts do not fit, with every difference, the rule
 * has a window, or nothing was averaged
 */
export function withImported(
  { averages, paramGroups, ...state }: SWAState,
  rules: readonly NamedRule[],
  tied: ReadonlyMap<string, string>,
  { swaState, nAvg, stepCounter }: ImportedAverage,
  { average = rules[0]?.name, ignore = () => false }: ImportOptions,
): SWAState {
  const named = rules.find(({ name }) => name === average);
  const counts = nAvg.length === 1 ? paramGroups.map(() => nAvg[0] ?? 0) : nAvg;
  const given = new Map(
    Object.entries(swaState).map(([name, tensor]) => [tied.get(name) ?? name, tensor]),
  );
  const own = paramGroups.flatMap(({ params }) => params);
  const wanted = paramGroups.flatMap(({ params }, group) =>
    (counts[group] ?? 0) > 0 ? params : [],
  );
  const surplus = [...given.keys()].filter((name) => !own.includes(name) && !ignore(name));
  const lengths = new Set([counts.length, (stepCounter ?? counts).length]);
  const problems = [
    ...(named === undefined ? [`this SWA has no average "${average}"`] : []),
    ...(named !== undefined && isWindow(named.rule)
      ? [`"${average}" is a mean of the last values`]
      : []),
    ...(counts.every((count) => count === 0) ? ['nothing has been averaged in it'] : []),
    ...wanted.filter((name) => !given.has(name)).map((name) => `it lacks "${name}"`),
    ...surplus.map((name) => `this SWA has no "${name}"`),
    ...[...lengths]
      .filter((length) => length !== paramGroups.length)
      .map((length) => `it has ${length} parameter groups, this SWA ${paramGroups.length}`),
  ];
  if (named === undefined || problems.length > 0) {
    throw new PolyakError(
      'ERR_STATE',
      `importAverage: the average does not fit: ${problems.join('; ')}.`,
    );
  }
  const tensors = wanted.map((name): [string, HostTensor] => [name, given.get(name) as HostTensor]);
  const floating = tensors.filter(([, { dtype }]) => named.isCompensated && isFloating(dtype));
  return {
    ...state,
    averages: {
      ...averages,
      [named.name]: {
        rule: named.rule.name,
        nAvg: counts,
        swaState: Object.fromEntries(tensors),
        residuals: Object.fromEntries(floating.map(([name, tensor]) => [name, zerosLike(tensor)])),
        window: [],
      },
    },
    paramGroups: paramGroups.map((group, index) => ({
      ...group,
      stepCounter: stepCounter?.[index] ?? group.stepCounter,
    })),
  };
}

function zerosLike({ dtype, shape }: HostTensor): HostTensor {
  return { dtype, shape, data: new (arrayOf(dtype))(elementCount(shape)) };
}
