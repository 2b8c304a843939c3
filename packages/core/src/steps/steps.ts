// Work that is written once, for callers that can wait and for those that cannot: a generator that
// yields everything that may be a promise, and drivers for both.
import type { Awaitable } from '../awaitable.js';

/** Work in steps. The next step waits for each yielded value. */
export type Steps<R> = Generator<unknown, R, unknown>;

/**
 * Waits for a value or a promise, and returns the value.
 *
 * @param value - what a backend or a user's function returned
 */
export function* wait<V>(value: Awaitable<V>): Steps<V> {
  // The driver passes the value back, resolved if it was a promise.
  return (yield value) as V;
}

/**
 * Drives `steps` to the end. Plain values are not awaited: without promises, the work is done when
 * the call returns.
 *
 * @param steps - not started yet
 * @returns the result, or a promise of it if a step yielded a promise
 */
export function either<R>(steps: Steps<R>): Awaitable<R> {
  return resumed(steps, () => steps.next());
}

/** {@link either} for methods that always return a promise. */
export async function drive<R>(steps: Steps<R>): Promise<R> {
  return either(steps);
}

/**
 * Drives `steps` for a caller that cannot wait.
 *
 * @param call - the method, for the message
 * @param steps - not started yet
 * @throws TypeError at the first promise, thrown into `steps` so that they undo what they did
 */
export function driveSync<R>(call: string, steps: Steps<R>): R {
  let next = steps.next();
  while (next.done !== true) {
    next = isPromise(next.value)
      ? steps.throw(new TypeError(`${call}: got a promise, which a synchronous call cannot await.`))
      : steps.next(next.value);
  }
  return next.value;
}

function resumed<R>(steps: Steps<R>, resume: () => IteratorResult<unknown, R>): Awaitable<R> {
  let next = resume();
  while (next.done !== true) {
    const { value } = next;
    if (isPromise(value)) {
      return Promise.resolve(value).then(
        (settled) => resumed(steps, () => steps.next(settled)),
        (reason: unknown) => resumed(steps, () => steps.throw(reason)),
      );
    }
    next = steps.next(value);
  }
  return next.value;
}

/** Whether a value has to be awaited. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
