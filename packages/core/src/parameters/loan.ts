// Other weights in a live model for a while: what the model held is kept aside, and put back.
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
import { requireHeld, rounded } from './copies.js';
import type { AveragedParameter } from './parameter-list.js';
import { hold, holdersOf, letGo } from './places.js';
import type { Holder } from './places.js';

/** What is lent to the model, and how. */
export interface LoanTerms<T> {
  readonly backend: Backend<T>;
  /** Who lends, for the messages of others. */
  readonly name: string;
  readonly entries: readonly AveragedParameter<T>[];
  /** One for each entry, of its average's spec. */
  readonly tensors: readonly T[];
  /** Whether the tensors are freed with the loan. */
  readonly isOwner: boolean;
  /** Estimates the running statistics for the lent weights; the old ones are kept aside too. */
  readonly batchNorm: AveragedBatchNorm<unknown> | undefined;
  /** Told when the loan has ended. */
  onEnd(): void;
  /** Told when the loan could not begin, and the live weights could not be put back either. */
  onStuck?(loan: Loan<T>): void;
}

/** Weights in the model, and what it held before. */
export class Loan<T> implements Holder {
  readonly #terms: LoanTerms<T>;
  readonly #parameters: readonly Parameter<T>[];
  readonly #layers: readonly BatchNormLayer[];
  readonly #identities: readonly PlaceIdentity[];
  readonly name: string;
  readonly isReader = false;
  #isLeft = false;
  #isEnding = false;
  #isOwner: boolean;
  #kept: readonly T[] = [];
  /** Of the layers; empty until they have been read. */
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
    return this.#isLeft && !this.#isEnding;
  }

  /** Leaves the weights in the model, for whoever comes next to take out. */
  leave(): void {
    this.#isLeft = true;
  }

  /** Puts the weights into the model. */
  static *begin<T>(current: Transaction, terms: LoanTerms<T>): Steps<Loan<T>> {
    const loan = new Loan(terms);
    const { backend, batchNorm, entries, tensors } = terms;
    // Held from here on, so that no other call comes between.
    hold(loan.#identities, loan);
    let isStuck = false;
    current.undo(() => {
      if (!isStuck) letGo(loan.#identities, loan);
    });
    const shown = yield* rounded(current, backend, entries, tensors);
    loan.#kept = yield* wait(backend.swap(loan.#parameters, shown));
    current.undo(function* () {
      let taken: readonly T[];
      try {
        yield* writeStatistics(loan.#layersRead, loan.#statistics);
        taken = yield* wait(backend.swap(loan.#parameters, loan.#kept));
      } catch (error) {
        isStuck = true;
        // Whoever made the tensors frees them now.
        loan.#isOwner = false;
        loan.leave();
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

  /** Puts back what the model held. What was written into the lent weights is dropped. */
  *recall(current: Transaction): Steps<void> {
    const { backend } = this.#terms;
    this.#requireNotEnding(current.call);
    this.#isEnding = true;
    current.undo(() => {
      this.#isEnding = false;
    });
    const shown = yield* exchanged(current, backend, this.#parameters, this.#kept);
    yield* putStatistics(current, this.#layersRead, this.#statistics);
    current.release(backend, shown);
    this.#end(current);
  }

  /** Ends the loan: the model keeps what it holds. */
  keep(current: Transaction): void {
    this.#requireNotEnding(current.call);
    this.#end(current);
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

  /** None where the loan failed before they were read. */
  get #layersRead(): readonly BatchNormLayer[] {
    return this.#layers.slice(0, this.#statistics.length);
  }
}

/**
 * Runs `fn` while something is lent to the model, and takes it back whatever happens. A second try
 * costs nothing.
 *
 * @param remedy - for the message: what puts the live weights back where both tries failed
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

/**
 * Makes sure that these places hold their live weights: takes out what was left in them, and
 * refuses where somebody still needs what is there.
 *
 * @throws PolyakError `ERR_SWAPPED`
 */
export function* requireLive(
  current: Transaction,
  identities: readonly PlaceIdentity[],
): Steps<void> {
  const holders = [...holdersOf(identities)].filter(({ isReader }) => !isReader);
  const holder = holders.find(({ isRecallable }) => !isRecallable);
  if (holder !== undefined) throw heldBy(current.call, holder);
  for (const recallable of holders) yield* recallable.recall(current);
}

/**
 * Refuses a call that would train weights which are in the model for a while only.
 *
 * @param call - for the message
 * @param identities - of the parameters that it trains
 * @throws PolyakError `ERR_SWAPPED`
 */
export function requireNotLent(call: string, identities: readonly PlaceIdentity[]): void {
  const holder = [...holdersOf(identities)].find(({ isReader }) => !isReader);
  if (holder !== undefined) throw heldBy(call, holder);
}

function heldBy(call: string, { name }: Holder): PolyakError {
  return new PolyakError(
    'ERR_SWAPPED',
    `${call}: the model holds the weights that ${name} has put into it. Put the live weights ` +
      'back first, or await that call.',
  );
}

/**
 * The same, and that nobody reads these weights for the time of a call, so that others may take
 * their places.
 *
 * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`
 */
export function* requireFree(
  current: Transaction,
  identities: readonly PlaceIdentity[],
): Steps<void> {
  const reader = [...holdersOf(identities)].find(({ isReader }) => isReader);
  if (reader !== undefined) {
    throw new PolyakError(
      'ERR_BUSY',
      `${current.call}: ${reader.name} still reads the weights of the model. Await it first.`,
    );
  }
  yield* requireLive(current, identities);
}

/** Holds these places until the call has ended, for others that come while it waits. */
export function holdMeanwhile(
  { name, isReader }: Pick<Holder, 'name' | 'isReader'>,
  current: Transaction,
  identities: readonly PlaceIdentity[],
): void {
  const holder: Holder = { name, isReader, isRecallable: false, *recall() {} };
  hold(identities, holder);
  current.undo(() => letGo(identities, holder));
  current.commit(() => letGo(identities, holder));
}

/** Lets the parameters hold `tensors`; returns what they held, which comes back on a failure. */
export function* exchanged<T>(
  current: Transaction,
  backend: Backend<T>,
  parameters: readonly Parameter<T>[],
  tensors: readonly T[],
): Steps<readonly T[]> {
  const held = yield* wait(backend.swap(parameters, tensors));
  current.undo(function* () {
    const taken = yield* wait(backend.swap(parameters, held));
    yield* disposeAll(backend, [...taken, ...held]);
  });
  return held;
}
