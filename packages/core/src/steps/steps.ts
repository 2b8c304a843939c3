// Work that is written once for callers that can wait and callers that cannot: a generator that
// yields whatever may be a promise, and drivers for both.
import type { Awaitable } from '../awaitable.js';

/** Work in steps. Each yielded value is what the next step waits for. */
export type Steps<R> = Generator<unknown, R, unknown>;

/**
 * One step: the value, or what its promise resolves to.
 *
 * @param value - what a backend or a user's function returned
 */
export function* wait<V>(value: Awaitable<V>): Steps<V> {
  // The driver gives back what it was given, or what that resolved to.
  return (yield value) as V;
}

/**
 * Drives `steps` to the end. Plain values are not awaited: work that meets no promise is done when
 * the call returns.
 *
 * @param steps - not yet begun
 * @returns a value where they met no promise, a promise otherwise
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
 * @param steps - not yet begun
 * @throws TypeError at the first promise, thrown into `steps` so that they undo what they did
 */
export function driveSync<R>(call: string, steps: Steps<R>): R {
  let next = steps.next();
  while (next.done !== true) {
    next = isPromise(next.value)
      ? steps.throw(new TypeError(`${call}: a promise where the caller cannot wait.`))
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

/** Whether a value has to be waited for. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
