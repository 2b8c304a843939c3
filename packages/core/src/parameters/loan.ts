// Other weights in a live model for a while: what the model held is kept aside, and put back.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import type { BatchNormLayer, RunningStatistics } from '../batch-norm.js';
import { bnUpdate } from '../batch-norm/bn-update.js';
import type { AveragedBatchNorm } from '../batch-norm/bn-update.js';
import { putStatistics, readStatistics, writeStatistics } from '../batch-norm/statistics.js';
import { PolyakError } from '../error.js';
import type { Parameter, PlaceIdentity } from '../parameter.js';
import { isHalf } from '../tensor/tensor.js';
import type { AveragedParameter } from './parameter-list.js';
import { quoted } from './parameter-list.js';
import { hold, holdersOf, letGo } from './places.js';
import type { Holder } from './places.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { disposeAll } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import { castTo } from './copies.js';

/** What is lent to the model, and how. */
export interface LoanTerms<T> {
  readonly backend: Backend<T>;
  /** Who lends, for the messages of others. */
  readonly name: string;
  readonly entries: readonly AveragedParameter<T>[];
  /** One for each entry, of its average's spec. */
  readonly tensors: readonly T[];
  /** Estimates the running statistics for the lent weights; the old ones are kept aside too. */
  readonly batchNorm: AveragedBatchNorm<unknown> | undefined;
  /** Told when the live weights are back. */
  onEnd(): void;
  /** Told when the loan could not begin, and the live weights could not be put back either. */
  onStuck?(loan: Loan<T>): void;
}

/** Weights in the model, and what it held before. */
export class Loan<T> implements Holder {
  readonly #terms: LoanTerms<T>;
  readonly #layers: readonly BatchNormLayer[];
  #isLeft = false;
  #isEnding = false;
  #kept: readonly T[] = [];
  /** Of the layers; empty until they have been read. */
  #statistics: readonly RunningStatistics[] = [];

  private constructor(terms: LoanTerms<T>) {
    this.#terms = terms;
    this.#layers = terms.batchNorm?.model.layers ?? [];
  }

  get name(): string {
    return this.#terms.name;
  }

  get isReader(): boolean {
    return false;
  }

  get isRecallable(): boolean {
    return this.#isLeft && !this.#isEnding;
  }

  /** Leaves the weights in the model, for whoever comes next to take out. */
  leave(): void {
    this.#isLeft = true;
  }

  /** Puts the weights into the model. */
  static *begin<T>(call: string, transaction: Transaction, terms: LoanTerms<T>): Steps<Loan<T>> {
    const loan = new Loan(terms);
    const { backend, batchNorm } = terms;
    // Held from here on, so that no other call comes between.
    hold(loan.#identities, loan);
    let isStuck = false;
    transaction.undo(() => {
      if (!isStuck) letGo(loan.#identities, loan);
    });
    const shown = yield* shownTensors(call, transaction, terms);
    loan.#kept = yield* wait(backend.swap(loan.#parameters, shown));
    transaction.undo(function* () {
      let taken: readonly T[];
      try {
        yield* writeStatistics(loan.#layersRead, loan.#statistics);
        taken = yield* wait(backend.swap(loan.#parameters, loan.#kept));
      } catch (error) {
        isStuck = true;
        loan.leave();
        terms.onStuck?.(loan);
        throw error;
      }
      yield* disposeAll(backend, [...taken, ...loan.#kept]);
    });
    if (batchNorm === undefined) return loan;
    loan.#statistics = yield* readStatistics(loan.#layers);
    const { model, loader, ...options } = batchNorm;
    yield* wait(bnUpdate(loader, model, options));
    return loan;
  }

  /** Puts back what the model held. What was written into the lent weights is dropped. */
  *recall(transaction: Transaction): Steps<void> {
    const { backend, onEnd } = this.#terms;
    if (this.#isEnding) {
      throw new PolyakError(
        'ERR_BUSY',
        `The weights of ${this.name} are being taken out by another call. Await it first.`,
      );
    }
    this.#isEnding = true;
    transaction.undo(() => {
      this.#isEnding = false;
    });
    const shown = yield* exchanged(transaction, backend, this.#parameters, this.#kept);
    yield* putStatistics(transaction, this.#layersRead, this.#statistics);
    transaction.commit(() => {
      letGo(this.#identities, this);
      onEnd();
    });
    transaction.release(backend, [...shown, ...this.#kept]);
  }

  /** None where the loan failed before they were read. */
  get #layersRead(): readonly BatchNormLayer[] {
    return this.#layers.slice(0, this.#statistics.length);
  }

  get #parameters(): readonly Parameter<T>[] {
    return this.#terms.entries.map(({ parameter }) => parameter);
  }

  get #identities(): readonly PlaceIdentity[] {
    return [
      ...this.#parameters.map(({ identity }) => identity),
      ...this.#layers.map(({ identity }) => identity),
    ];
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
  call: string,
  transaction: Transaction,
  identities: readonly PlaceIdentity[],
): Steps<void> {
  const holders = [...holdersOf(identities)].filter(({ isReader }) => !isReader);
  const holder = holders.find(({ isRecallable }) => !isRecallable);
  if (holder !== undefined) {
    throw new PolyakError(
      'ERR_SWAPPED',
      `${call}: the model holds the weights that ${holder.name} has put into it. ` +
        'Put the live weights back first, or await that call.',
    );
  }
  for (const recallable of holders) yield* recallable.recall(transaction);
}

/**
 * The same, and that nobody reads these weights for the time of a call, so that others may take
 * their places.
 *
 * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`
 */
export function* requireFree(
  call: string,
  transaction: Transaction,
  identities: readonly PlaceIdentity[],
): Steps<void> {
  const reader = [...holdersOf(identities)].find(({ isReader }) => isReader);
  if (reader !== undefined) {
    throw new PolyakError(
      'ERR_BUSY',
      `${call}: ${reader.name} still reads the weights of the model. Await it first.`,
    );
  }
  yield* requireLive(call, transaction, identities);
}

/** Holds these places until the call has ended, for others that come while it waits. */
export function holdMeanwhile(
  { name, isReader }: Pick<Holder, 'name' | 'isReader'>,
  transaction: Transaction,
  identities: readonly PlaceIdentity[],
): void {
  const holder: Holder = { name, isReader, isRecallable: false, *recall() {} };
  hold(identities, holder);
  transaction.undo(() => letGo(identities, holder));
  transaction.commit(() => letGo(identities, holder));
}

/** Lets the parameters hold `tensors`; returns what they held, which comes back on a failure. */
export function* exchanged<T>(
  transaction: Transaction,
  backend: Backend<T>,
  parameters: readonly Parameter<T>[],
  tensors: readonly T[],
): Steps<readonly T[]> {
  const held = yield* wait(backend.swap(parameters, tensors));
  transaction.undo(function* () {
    const taken = yield* wait(backend.swap(parameters, held));
    yield* disposeAll(backend, [...taken, ...held]);
  });
  return held;
}

/** `tensors` as the model takes them: rounded copies where it is in half precision. */
export function* shownTensors<T>(
  call: string,
  transaction: Transaction,
  { backend, entries, tensors }: Pick<LoanTerms<T>, 'backend' | 'entries' | 'tensors'>,
): Steps<readonly T[]> {
  const halves = entries.flatMap(({ spec }, index) => (isHalf(spec.dtype) ? [index] : []));
  if (halves.length === 0) return tensors;
  const specs = halves.map((index) => (entries[index] as AveragedParameter<T>).spec.dtype);
  const rounded = yield* castTo(
    backend,
    halves.map((index) => tensors[index] as T),
    specs,
  );
  transaction.drafts(backend, rounded);
  const finite = yield* wait(backend.allFinite(rounded));
  const bad = halves.filter((_, n) => finite[n] !== true);
  if (bad.length > 0) {
    throw new PolyakError(
      'ERR_NON_FINITE',
      `${call}: the average of ` +
        quoted(bad.map((index) => (entries[index] as AveragedParameter<T>).parameter.name)) +
        " is beyond the largest number of the model's half precision.",
    );
  }
  // The parameters have the contents; the copies are nobody's from then on.
  transaction.release(backend, rounded);
  const shown = [...tensors];
  halves.forEach((index, n) => {
    shown[index] = rounded[n] as T;
  });
  return shown;
}
