// Loans: other weights in a live model for a while. The loan keeps the old weights and puts them
// back.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import type { BatchNormLayer, RunningStatistics } from '../batch-norm.js';
import { bnUpdate } from '../batch-norm/bn-update.js';
import type { AveragedBatchNorm } from '../batch-norm/bn-update.js';
import { putStatistics, readStatistics, writeStatistics } from '../batch-norm/statistics.js';
import { PolyakError } from '../error.js';
import type { Parameter, PlaceIdentity } from '../parameter.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { disposeAll } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import { differing, requireHeld, rounded } from './copies.js';
import { quoted } from './parameter-list.js';
import type { AveragedParameter } from './parameter-list.js';
import { hold, holdersOf, letGo } from './places.js';
import type { Holder } from './places.js';

/** The terms of a loan: what is lent to the model, and how. */
export interface LoanTerms<T> {
  readonly backend: Backend<T>;
  /** The name of the lender, for messages. */
  readonly name: string;
  readonly entries: readonly AveragedParameter<T>[];
  /** One for each entry, with the spec of its average. */
  readonly tensors: readonly T[];
  /** Whether the tensors are freed with the loan. */
  readonly isOwner: boolean;
  /**
   * If given, running statistics are estimated for the lent weights, and the old ones are kept too.
   */
  readonly batchNorm: AveragedBatchNorm<unknown> | undefined;
  /** A loan of the same lender that this one takes the place of, if any. */
  readonly replaced?: Loan<T> | undefined;
  /** Called when the loan has ended. */
  onEnd(): void;
  /** Called if the loan could not begin, and the live weights could not be put back either. */
  onStuck?(loan: Loan<T>): void;
}

/** Weights lent to the model, and the weights that it held before. */
export class Loan<T> implements Holder {
  readonly #terms: LoanTerms<T>;
  readonly #parameters: readonly Parameter<T>[];
  readonly #layers: readonly BatchNormLayer[];
  readonly #identities: readonly PlaceIdentity[];
  readonly name: string;
  readonly isReader = false;
  #left: 'no' | 'finished' | 'stuck' = 'no';
  #isEnding = false;
  #isOwner: boolean;
  /** The loan that this one should have replaced. It is still there, because this one failed. */
  #replaced: Loan<T> | undefined;
  #kept: readonly T[] = [];
  /** The statistics of the layers; empty until they have been read. */
  #statistics: readonly RunningStatistics[] = [];

  private constructor(terms: LoanTerms<T>) {
    this.#terms = terms;
    this.name = terms.name;
    this.#isOwner = terms.isOwner;
    this.#parameters = terms.entries.map(({ parameter }) => parameter);
    this.#layers = terms.batchNorm?.model.layers ?? [];
    this.#identities = [...this.#parameters, ...this.#layers].map(({ identity }) => identity);
  }

  get isRecallable(): boolean {
    return this.#left !== 'no' && !this.#isEnding;
  }

  get isStuck(): boolean {
    return this.#left === 'stuck';
  }

  /**
   * Leaves the weights in the model, for the next call that needs the live ones to take out.
   *
   * @param why - a run has finished, or the weights could not be taken out
   */
  leave(why: 'finished' | 'stuck'): void {
    this.#left = why;
  }

  /** Puts the weights into the model. */
  static *begin<T>(current: Transaction, terms: LoanTerms<T>): Steps<Loan<T>> {
    const loan = new Loan(terms);
    const { backend, batchNorm, entries, tensors } = terms;
    // Held from here on, so that no other call can run in between.
    hold(loan.#identities, loan);
    current.undo(() => {
      if (loan.#left !== 'stuck') letGo(loan.#identities, loan);
    });
    const shown = yield* rounded(current, backend, entries, tensors);
    loan.#kept = yield* wait(backend.swap(loan.#parameters, shown));
    current.undo(function* () {
      let taken: readonly T[];
      try {
        yield* writeStatistics(loan.#layersRead, loan.#statistics);
        taken = yield* wait(backend.swap(loan.#parameters, loan.#kept));
      } catch (error) {
        // The caller frees its tensors on this failure.
        loan.#isOwner = false;
        loan.#replaced = terms.replaced;
        loan.leave('stuck');
        terms.onStuck?.(loan);
        throw error;
      }
      yield* disposeAll(backend, [...taken, ...loan.#kept]);
    });
    yield* requireHeld(current, backend, entries, shown, loan.#kept);
    if (batchNorm === undefined) return loan;
    loan.#statistics = yield* readStatistics(loan.#layers);
    const { model, loader, ...options } = batchNorm;
    yield* wait(bnUpdate(loader, model, options));
    return loan;
  }

  /** Takes the weights out for another call, which must not discard what was trained since. */
  *recall(current: Transaction): Steps<void> {
    this.#beginEnding(current);
    if (this.#left === 'finished') yield* this.#requireUnchanged(current);
    yield* this.#takeOut(current);
  }

  *#requireUnchanged(current: Transaction): Steps<void> {
    const { backend, entries, tensors } = this.#terms;
    let changed: readonly Parameter<T>[];
    try {
      const held = this.#parameters.map((parameter) => parameter.get());
      const lent = yield* rounded(current, backend, entries, tensors);
      changed = yield* differing(backend, this.#parameters, held, lent);
      if (changed.length === 0) return;
      // Nothing is lost where the live weights are back already, by another loan that got stuck.
      const lost = yield* differing(backend, this.#parameters, held, this.#kept);
      changed = changed.filter((parameter) => lost.includes(parameter));
    } catch (error) {
      // A model that was disposed of has no training to lose.
      if (PolyakError.is(error) && error.code === 'ERR_DISPOSED') return;
      throw error;
    }
    if (changed.length === 0) return;
    throw new PolyakError(
      'ERR_SWAPPED',
      `${current.call}: ${quoted(changed.map(({ name }) => name))} changed while the averages of ` +
        `${this.name} were in the model. Putting the live weights back would discard that. Call ` +
        "dispose({ keep: 'averages' }) of that object to keep what the model holds, or its swap " +
        'to discard it.',
    );
  }

  /** Puts back what the model held. What was written into the lent weights is dropped. */
  *takeBack(current: Transaction): Steps<void> {
    this.#beginEnding(current);
    // One that could not be undone began over this one. Later it would put back what is old then.
    for (const other of holdersOf(this.#identities)) {
      if (other.isRecallable && other.isStuck === true) yield* other.recall(current);
    }
    yield* this.#takeOut(current);
  }

  #beginEnding(current: Transaction): void {
    this.#requireNotEnding(current.call);
    this.#isEnding = true;
    current.undo(() => {
      this.#isEnding = false;
    });
  }

  *#takeOut(current: Transaction): Steps<void> {
    const { backend } = this.#terms;
    const shown = yield* exchanged(current, backend, this.#parameters, this.#kept);
    yield* putStatistics(current, this.#layersRead, this.#statistics);
    current.release(backend, shown);
    this.#end(current);
    const replaced = this.#replaced;
    if (replaced && !replaced.#isEnding) yield* replaced.takeBack(current);
  }

  /** Ends the loan: the model keeps what it holds. */
  keep(current: Transaction): void {
    this.#requireNotEnding(current.call);
    this.#end(current);
    this.#replaced?.keep(current);
  }

  #requireNotEnding(call: string): void {
    if (!this.#isEnding) return;
    throw new PolyakError(
      'ERR_BUSY',
      `${call}: the weights of ${this.name} are being taken out by another call. Await it first.`,
    );
  }

  #end(current: Transaction): void {
    const { backend, onEnd, tensors } = this.#terms;
    current.commit(() => {
      letGo(this.#identities, this);
      onEnd();
    });
    current.release(backend, this.#isOwner ? [...this.#kept, ...tensors] : this.#kept);
  }

  /** Empty if the loan failed before the statistics were read. */
  get #layersRead(): readonly BatchNormLayer[] {
    return this.#layers.slice(0, this.#statistics.length);
  }
}

/**
 * Runs `fn` during a loan, and then takes the loan back, even if `fn` throws. If that fails, it is
 * tried a second time.
 *
 * @param remedy - for the message: what puts the live weights back if both tries fail
 */
export function* whileLent<R>(
  call: string,
  fn: () => Awaitable<R>,
  takeBack: () => Steps<void>,
  remedy: string,
): Steps<R> {
  let result: R;
  try {
    result = yield* wait(fn());
  } catch (error) {
    try {
      yield* twice(takeBack);
    } catch (failure) {
      throw new AggregateError(
        [error, failure],
        `${call}: the function failed (${String(error)}), and then the live weights could not be ` +
          `put back (${String(failure)}). ${remedy}.`,
        { cause: failure },
      );
    }
    throw error;
  }
  yield* twice(takeBack);
  return result;
}

function* twice(takeBack: () => Steps<void>): Steps<void> {
  try {
    yield* takeBack();
  } catch {
    yield* takeBack();
  }
}

/** Lets the parameters hold `tensors`; returns what they held, which comes back on a failure. */
export function* exchanged<T>(
  current: Transaction,
  backend: Backend<T>,
  parameters: readonly Parameter<T>[],
  tensors: readonly T[],
): Steps<readonly T[]> {
  const held = current.drafts(backend, yield* wait(backend.swap(parameters, tensors)));
  current.undo(function* () {
    yield* disposeAll(backend, yield* wait(backend.swap(parameters, held)));
  });
  return held;
}
