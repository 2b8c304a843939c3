// The running average of one list of parameters, as a value: an update makes a new one.
import type { Backend } from '../backend.js';
import type { HostTensor } from '../tensor/tensor.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';

/** The averages of a list of parameters, and how many updates made them. */
export interface RunningAverage<T> {
  readonly nAvg: number;
  /** In the order of the list; empty before the first update. */
  readonly averages: readonly T[];
  /**
   * What each average carries where it is compensated and floating, `undefined` elsewhere; empty
   * where none is.
   */
  readonly residuals: readonly (T | undefined)[];
  /** The last values of a rule with a window, the oldest first; empty for other rules. */
  readonly window: readonly (readonly T[])[];
}

/** Before the first update. */
export const NOTHING_AVERAGED: RunningAverage<never> = {
  nAvg: 0,
  averages: [],
  residuals: [],
  window: [],
};

/** All tensors that it holds. */
export function tensorsOf<T>({ averages, residuals, window }: RunningAverage<T>): readonly T[] {
  return [...averages, ...residuals.filter((residual) => residual !== undefined), ...window.flat()];
}

/** The same on the host. */
export function* downloaded<T>(
  backend: Backend<T>,
  { nAvg, averages, residuals, window }: RunningAverage<T>,
): Steps<RunningAverage<HostTensor>> {
  const own = residuals.filter((residual) => residual !== undefined);
  const host = (yield* wait(backend.download(own))).values();
  const windows: (readonly HostTensor[])[] = [];
  for (const tensors of window) windows.push(yield* wait(backend.download(tensors)));
  return {
    nAvg,
    averages: yield* wait(backend.download(averages)),
    residuals: residuals.map((residual) =>
      residual === undefined ? undefined : host.next().value,
    ),
    window: windows,
  };
}
