// Averages that another library made, on their way into SWA.
import { PolyakError } from '../error.js';
import { isWindow } from '../rule.js';
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
  /** Which tensors of the file are left out, such as running statistics where they are no parameters here. Default none. */
  readonly ignore?: (name: string) => boolean;
}

/**
 * `state` with an imported average in place of its own. A compensated one begins with residuals of 0.
 *
 * @throws PolyakError `ERR_STATE` where names or counts do not fit, with every difference, or the rule has a window
 */
export function withImported(
  { averages, paramGroups, ...state }: SWAState,
  rules: readonly NamedRule[],
  { swaState, nAvg, stepCounter }: ImportedAverage,
  { average = rules[0]?.name, ignore = () => false }: ImportOptions,
): SWAState {
  const named = rules.find(({ name }) => name === average);
  const wanted = paramGroups.flatMap(({ params }) => params);
  const surplus = Object.keys(swaState).filter((name) => !wanted.includes(name) && !ignore(name));
  const counts = nAvg.length === 1 ? paramGroups.map(() => nAvg[0] ?? 0) : nAvg;
  const problems = [
    ...(named === undefined ? [`this SWA has no average "${average}"`] : []),
    ...(named !== undefined && isWindow(named.rule) ? [`"${average}" is a mean of the last values`] : []),
    ...wanted.filter((name) => !Object.hasOwn(swaState, name)).map((name) => `it lacks "${name}"`),
    ...surplus.map((name) => `this SWA has no "${name}"`),
    ...[counts, stepCounter ?? counts]
      .filter(({ length }) => length !== paramGroups.length)
      .map(({ length }) => `it has ${length} parameter groups, this SWA ${paramGroups.length}`),
  ];
  if (named === undefined || problems.length > 0) {
    throw new PolyakError('ERR_STATE', `importAverage: the average does not fit: ${problems.join('; ')}.`);
  }
  const tensors = wanted.map((name): [string, HostTensor] => [name, swaState[name] as HostTensor]);
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
