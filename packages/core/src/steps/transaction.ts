// Several changes of which all are made, or none. On a failure, the undo of each runs in reverse.
import type { Backend } from '../backend.js';
import { wait } from './steps.js';
import type { Steps } from './steps.js';
import type { Warn } from './warn.js';

/** What a call has done so far, and how to undo it. */
export class Transaction {
  /** The method that was called, for messages. */
  readonly call: string;
  readonly warn: Warn;
  readonly #undo: (() => Steps<void> | void)[] = [];
  readonly #commits: (() => void)[] = [];
  readonly #releases: (() => Steps<void>)[] = [];

  constructor(call: string, warn: Warn) {
    this.call = call;
    this.warn = warn;
  }

  /** Registers how to undo what was just done. */
  undo(step: () => Steps<void> | void): void {
    this.#undo.push(step);
  }

  /** Frees `tensors`, which this call made, if it fails. */
  drafts<T>(backend: Backend<T>, tensors: readonly T[]): readonly T[] {
    this.#undo.push(() => disposeAll(backend, tensors));
    return tensors;
  }

  /** Frees `tensors`, which are no longer needed, after the call has succeeded. */
  release<T>(backend: Backend<T>, tensors: readonly T[]): void {
    this.#releases.push(() => disposeAll(backend, tensors));
  }

  /** Registers a change of state, made after everything that can fail. It must not fail itself. */
  commit(change: () => void): void {
    this.#commits.push(change);
  }

  /** Runs `body` as part of this transaction. If it fails, what it did is undone. */
  *part<R>(body: (part: Transaction) => Steps<R>): Steps<R> {
    const part = new Transaction(this.call, this.warn);
    let result: R;
    try {
      result = yield* body(part);
    } catch (error) {
      return yield* part.#rollBack(error);
    }
    this.#undo.push(...part.#undo);
    this.#commits.push(...part.#commits);
    this.#releases.push(...part.#releases);
    return result;
  }

  *finish(): Steps<void> {
    for (const change of this.#commits) change();
    for (const release of this.#releases) {
      try {
        yield* release();
      } catch (error) {
        this.warn(`${this.call}: done, but could not free all memory: ${String(error)}`);
      }
    }
  }

  *#rollBack(cause: unknown): Steps<never> {
    const failures: unknown[] = [];
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        yield* undo() ?? nothing();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) throw cause;
    throw new AggregateError(
      [cause, ...failures],
      `${this.call}: failed (${String(cause)}), and then could not undo all that it had ` +
        `done (${failures.map(String).join('; ')}).`,
      { cause },
    );
  }
}

/**
 * Runs `body` as a transaction. If it fails, everything is undone and nothing has changed.
 *
 * @throws what `body` threw; an AggregateError with that and the failures if an undo failed too
 */
export function* transaction<R>(
  call: string,
  warn: Warn,
  body: (transaction: Transaction) => Steps<R>,
): Steps<R> {
  const whole = new Transaction(call, warn);
  const result = yield* whole.part(body);
  yield* whole.finish();
  return result;
}

/** Tries to dispose of each tensor, even if others fail. */
export function* disposeAll<T>(backend: Backend<T>, tensors: readonly T[]): Steps<void> {
  const failures: unknown[] = [];
  for (const tensor of tensors) {
    try {
      yield* wait(backend.dispose([tensor]));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
}

/** No steps. */
function* nothing(): Steps<void> {}
