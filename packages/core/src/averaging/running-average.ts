// The running average of one list of parameters, as an immutable value: an update makes a new one.
import type { Steps } from '../steps/steps.js';

/** The average of one parameter. */
export interface Averaged<T> {
  readonly average: T;
  /** Its rounding error, if it is compensated and floating. */
  readonly residual?: T;
}

/** The averages of a list of parameters, and the number of updates that made them. */
export interface RunningAverage<T> {
  readonly nAvg: number;
  /** In the order of the list; empty before the first update. */
  readonly averages: readonly Averaged<T>[];
  /** The last values of a rule with a window, the oldest first; empty for other rules. */
  readonly window: readonly (readonly T[])[];
}

/** Before the first update. */
export const NOTHING_AVERAGED: RunningAverage<never> = { nAvg: 0, averages: [], window: [] };

/** An average, with its residual if there is one. */
export function averaged<T>(average: T, residual: T | undefined): Averaged<T> {
  return residual === undefined ? { average } : { average, residual };
}

/** All tensors of a running average. */
export function tensorsOf<T>({ averages, window }: RunningAverage<T>): readonly T[] {
  return [
    ...averages.flatMap(({ average, residual }) =>
      residual === undefined ? [average] : [average, residual],
    ),
    ...window.flat(),
  ];
}

/** The running average whose tensors are what `convert` returns for those of `running`. */
export function* withTensors<T, U>(
  running: RunningAverage<T>,
  convert: (tensors: readonly T[]) => Steps<readonly U[]>,
): Steps<RunningAverage<U>> {
  const tensors = tensorsOf(running);
  const converted = (tensors.length === 0 ? [] : yield* convert(tensors)).values();
  const next = (): U => converted.next().value as U;
  return {
    nAvg: running.nAvg,
    averages: running.averages.map(({ residual }) =>
      residual === undefined ? { average: next() } : { average: next(), residual: next() },
    ),
    window: running.window.map((values) => values.map(next)),
  };
}
