// Swaps the contents of all parameters, or of none.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import type { Parameter } from '../parameter.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { either } from '../steps/steps.js';

/** The operations of a backend that {@link swapAll} needs. */
export interface SwapOperations<T> extends Pick<Backend<T>, 'dispose'> {
  /** New tensors with the same contents: copies, or references to the same storage. */
  hold(tensors: readonly T[]): Awaitable<readonly T[]>;
}

/**
 * Implements `Backend.swap` by {@link Parameter.set}: reads what the parameters hold, and then sets
 * one after the other. Synchronous if the operations and every `set` are.
 *
 * @param operations - the operations of the backend
 * @param parameters - the parameters to set, with the same specs as `tensors`
 * @param tensors - the new contents; not changed, and still owned by the caller
 * @returns new tensors with what the parameters held; the caller disposes of them
 * @throws what a `set` threw, after the parameters set so far are set back; an AggregateError with
 *   every failure if one of these fails too
 */
export function swapAll<T>(
  operations: SwapOperations<T>,
  parameters: readonly Parameter<T>[],
  tensors: readonly T[],
): Awaitable<readonly T[]> {
  return either(exchange(operations, parameters, tensors));
}

function* exchange<T>(
  { hold, dispose }: SwapOperations<T>,
  parameters: readonly Parameter<T>[],
  tensors: readonly T[],
): Steps<readonly T[]> {
  const held = yield* wait(hold(parameters.map((parameter) => parameter.get())));
  const reached: Parameter<T>[] = [];
  try {
    for (const [index, parameter] of parameters.entries()) {
      reached.push(parameter);
      yield* wait(parameter.set(tensors[index] as T));
    }
    return held;
  } catch (cause) {
    const failures = yield* setBack(reached, held);
    const stuck = failures.map(({ name }) => `"${name}"`).join(', ');
    const errors = failures.map(({ error }) => error);
    try {
      yield* wait(dispose(held));
    } catch (error) {
      errors.push(error);
    }
    if (errors.length === 0) throw cause;
    const what = stuck === '' ? 'copies could not be freed' : `${stuck} could not be set back`;
    throw new AggregateError(
      [cause, ...errors],
      `swap: a parameter could not be set (${String(cause)}), and then ${what}.` +
        (stuck === '' ? '' : ' Set these parameters again.'),
      { cause },
    );
  }
}

interface Failure {
  readonly name: string;
  readonly error: unknown;
}

/** Sets back in reverse order, so that a place that occurs twice gets its first contents back. */
function* setBack<T>(
  reached: readonly Parameter<T>[],
  held: readonly T[],
): Steps<readonly Failure[]> {
  const failures: Failure[] = [];
  for (let index = reached.length - 1; index >= 0; index -= 1) {
    const parameter = reached[index] as Parameter<T>;
    try {
      yield* wait(parameter.set(held[index] as T));
    } catch (error) {
      failures.push({ name: parameter.name, error });
    }
  }
  return failures;
}
