// Updates and swaps as a user calls them and through the backend, on any runtime.
import { observedOptimizer, SWA } from '@polyak/core';
import type { AverageItem, Backend, Parameter } from '@polyak/core/interfaces';
import type { Subject } from '../../row.js';
import { copies, fill, filled, tensorOf, WEIGHT } from './arrays.js';
import type { Live, Mode, Operation, Runtime } from './mode.js';

/** What a row times, and the yardstick, on live weights of its own. */
export interface Bench<T> {
  readonly runtime: Runtime<T>;
  /** Of the live weights. */
  readonly arrays: readonly Float32Array[];
  readonly live: Live<T>;
}

/** Makes the operation that a row times. */
export type OperationOf<T> = (bench: Bench<T>) => Promise<Operation> | Operation;

/**
 * An operation and its yardstick on live weights of the given lengths.
 *
 * @param mode - the runtime, which is opened for this subject
 * @param lengths - one for each tensor
 * @param variant - is made before the live weights change, so that averages have a way to go
 * @param reference - is made after that
 */
export async function subjectOn<T>(
  mode: Mode<T>,
  lengths: readonly number[],
  variant: OperationOf<T>,
  reference: OperationOf<T>,
): Promise<Subject> {
  const runtime = await mode.open();
  const arrays = filled(lengths, 1);
  const live = await runtime.live(arrays);
  const bench = { runtime, arrays, live };
  const timed = await variant(bench);
  fill(arrays, 2);
  await live.refresh();
  return {
    variant: timed,
    reference: await reference(bench),
    async release() {
      await live.dispose();
      await runtime.release?.();
    },
  };
}

/** `dst.set(src)` of as many elements. */
export function setTimes<T>(times: number): OperationOf<T> {
  return ({ arrays }) => {
    const copy = copies(filled(lengthsOf(arrays), 0), arrays);
    return () => {
      for (let time = 0; time < times; time += 1) copy();
    };
  };
}

/** `updateSwa` with the default options, but for those given. */
export function updateSwa<T>(options: { readonly compensated?: true } = {}): OperationOf<T> {
  return async ({ runtime: { backend }, live: { parameters } }) => {
    const swa = swaOf(parameters, backend, options);
    await swa.updateSwa();
    return () => swa.updateSwa();
  };
}

/** `swapSwaSgd` twice: the averages into the model and out of it. */
export function swapSwa<T>(): OperationOf<T> {
  return async ({ runtime: { backend }, live: { parameters } }) => {
    const swa = swaOf(parameters, backend);
    await swa.updateSwa();
    return async () => {
      await swa.swapSwaSgd();
      await swa.swapSwaSgd();
    };
  };
}

function swaOf<T>(
  params: readonly Parameter<T>[],
  backend: Backend<T>,
  options: { readonly compensated?: true } = {},
): SWA<T> {
  return new SWA(observedOptimizer([{ params, lr: 0.1 }]), { ...options, backend });
}

/** `backend.average` of the live weights where they are. */
export function average<T>({ isCompensated = false } = {}): OperationOf<T> {
  return async ({ runtime: { backend }, arrays, live: { parameters } }) => {
    const averages = await backend.upload(arrays.map(tensorOf));
    const residuals = isCompensated
      ? await backend.upload(filled(lengthsOf(arrays), 0).map(tensorOf))
      : [];
    return updating(backend, averages, residuals, () => parameters.map((each) => each.get()));
  };
}

/** `backend.average` of live weights that the backend made itself. */
export function averageResident<T>(options: { isCompensated?: true } = {}): OperationOf<T> {
  return async ({ runtime: { backend }, arrays }) => {
    const uploaded = async (value: number): Promise<readonly T[]> =>
      backend.upload(filled(lengthsOf(arrays), value).map(tensorOf));
    const [averages, live] = [await uploaded(1), await uploaded(2)];
    const residuals = options.isCompensated === true ? await uploaded(0) : [];
    return updating(backend, averages, residuals, () => live);
  };
}

/** An average between two updates. */
type State<T> = Pick<AverageItem<T>, 'average' | 'residual'>;

/** Each update goes on from the results of the one before. */
export function updating<T>(
  backend: Backend<T>,
  averages: readonly T[],
  residuals: readonly T[],
  live: () => readonly T[],
): Operation {
  let states = averages.map((each, index) => stateOf(each, residuals[index]));
  return async () => {
    const now = live();
    const items = states.map(({ average: state, residual }, index) => {
      const item = { average: state, live: now[index] as T, weight: WEIGHT };
      return residual === undefined ? item : { ...item, residual };
    });
    const result = await backend.average(items);
    if (result.kind === 'refused') throw new Error('The bench averages finite numbers.');
    states = result.items.map((item) => stateOf(item.average, item.residual));
  };
}

function stateOf<T>(state: T, residual: T | undefined): State<T> {
  return residual === undefined ? { average: state } : { average: state, residual };
}

/** `backend.swap` twice: averages into the model and out of it. */
export function swap<T>(): OperationOf<T> {
  return async ({ runtime: { backend }, arrays, live: { parameters } }) => {
    const averages = await backend.upload(arrays.map(tensorOf));
    return async () => {
      const held = await backend.swap(parameters, averages);
      const shown = await backend.swap(parameters, held);
      await backend.dispose([...held, ...shown]);
    };
  };
}

/** `backend.allFinite` of the live weights. */
export function allFinite<T>(): OperationOf<T> {
  return ({ runtime: { backend }, live: { parameters } }) =>
    () =>
      backend.allFinite(parameters.map((each) => each.get()));
}

/** The lengths of arrays. */
export function lengthsOf(arrays: readonly Float32Array[]): readonly number[] {
  return arrays.map(({ length }) => length);
}
