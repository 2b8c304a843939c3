// The weights of a live model: read, put in for a while, put in for good. What is kept outside of
// averages (snapshots, merges, samples) goes through here, on every backend.
import { described, requireFunction, requireOptions } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import { requireBatchNorm } from '../batch-norm/bn-update.js';
import type { AveragedBatchNorm } from '../batch-norm/bn-update.js';
import { PolyakError } from '../error.js';
import { fittingTensors, namedTensors } from '../state/named-tensors.js';
import type { NamedTensors } from '../state/named-tensors.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';
import { exchanged, holdMeanwhile, Loan, requireFree, requireLive } from './loan.js';
import { shownTensors, whileLent } from './loan.js';
import { ParameterList, quoted, requireBackend, warnIfEmpty } from './parameter-list.js';
import type { ParameterSource } from './parameter-list.js';
import { drive, wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { disposeAll, transaction } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import { warnerOf } from '../steps/warn.js';
import type { Warn } from '../steps/warn.js';
import { finiteCopies, refuseProblems, requireFitting } from './copies.js';

/** Options of {@link ParameterSet}. */
export interface ParameterSetOptions<T> {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  /** Receives warnings. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** Options of {@link ParameterSet.withWeights}. */
export interface WithWeightsOptions<Batch = unknown> {
  /** Where given, the running statistics are estimated for the weights, and put back afterwards. */
  readonly batchNorm?: AveragedBatchNorm<Batch>;
}

/**
 * All parameters whose values make a model. Several objects may average, collect and sample one
 * model; only one at a time may have other weights in it (`ERR_SWAPPED`). Parameters of one storage
 * count as one, under the first name. Half precision is read and written as float32.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { ParameterSet } from '@polyak/core';
 *
 * const data = Float32Array.of(1, 2);
 * const weight = parameter('weight', { dtype: 'float32', shape: [2], data });
 * const weights = new ParameterSet([weight], { backend: cpuBackend() });
 * const { weight: kept } = await weights.read();
 * data.fill(0);
 * await weights.withWeights({ weight: kept }, () => console.log([...data])); // [1, 2]
 * ```
 */
export class ParameterSet<T> {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  readonly #list: ParameterList<T>;
  readonly #warn: Warn;

  /**
   * @param parameters - of the model, each name once; or a function that gives them anew
   * @param options - see {@link ParameterSetOptions}
   * @throws TypeError where an argument is not what it should be
   * @throws PolyakError `ERR_PARAMETERS`, `ERR_UNSUPPORTED`
   */
  constructor(parameters: ParameterSource<T>, options: ParameterSetOptions<T>) {
    requireOptions('ParameterSet', options, ['backend', 'onWarning']);
    requireBackend('ParameterSet', options);
    this.backend = options.backend;
    this.#warn = warnerOf('ParameterSet', options.onWarning);
    this.#list = new ParameterList(options.backend, parameters);
    warnIfEmpty('ParameterSet', this.#list.names, this.#warn);
  }

  /** The names that `read` gives, each with the spec of its tensor, in that order. */
  get specs(): ReadonlyMap<string, TensorSpec> {
    return new Map(
      this.#list.entries.map(({ parameter, averageSpec }) => [parameter.name, averageSpec]),
    );
  }

  /**
   * Copies of the weights that the model holds now, on the host.
   *
   * @returns tensors by the names of the parameters
   * @throws PolyakError `ERR_NON_FINITE` where a weight is not finite, `ERR_SWAPPED`,
   * `ERR_PARAMETERS`
   */
  read(): Promise<NamedTensors> {
    return drive(this.#transaction('read', (current) => this.#read(current)));
  }

  /**
   * Puts `weights` into the model for good.
   *
   * @param weights - of all its parameters, as `read` gives them
   * @throws PolyakError `ERR_STATE` where they do not fit, with every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_PARAMETERS`
   */
  write(weights: NamedTensors): Promise<void> {
    return drive(this.#transaction('write', (current) => this.#write(current, weights)));
  }

  /**
   * Runs `fn` with `weights` in the model, and puts back what it held, whatever happens.
   *
   * @param weights - of all its parameters, as `read` gives them
   * @param fn - evaluates or saves the model
   * @param options - see {@link WithWeightsOptions}
   * @returns what `fn` returned
   * @throws PolyakError as `write`, and whatever `fn` throws
   */
  withWeights<R, Batch>(
    weights: NamedTensors,
    fn: () => Awaitable<R>,
    options: WithWeightsOptions<Batch> = {},
  ): Promise<R> {
    return drive(this.#withWeights(weights, fn, options));
  }

  /**
   * Copies of the weights that the model holds now, where the backend keeps its tensors: one for
   * each name of `specs`, in that order.
   *
   * @returns tensors that the caller disposes of
   * @throws PolyakError as `read`
   */
  copy(): Promise<readonly T[]> {
    return drive(this.#transaction('copy', (current) => this.#copy('copy', current)));
  }

  /**
   * `withWeights` for tensors of the backend.
   *
   * @param tensors - such as `copy` gives; they stay what they are and the caller's
   * @throws PolyakError `ERR_STATE` where they do not fit, and as `withWeights`
   */
  withCopy<R, Batch>(
    tensors: readonly T[],
    fn: () => Awaitable<R>,
    options: WithWeightsOptions<Batch> = {},
  ): Promise<R> {
    return drive(this.#withCopy(tensors, fn, options));
  }

  /**
   * Takes out weights that were left in the model, such as the averages after a finished `fit`, so
   * that it holds its live weights again. Does nothing where it holds them.
   *
   * @throws PolyakError `ERR_SWAPPED` where somebody still needs what is there
   */
  recall(): Promise<void> {
    return drive(
      this.#transaction('recall', (current) =>
        requireLive('recall', current, this.#list.identities),
      ),
    );
  }

  #transaction<R>(call: string, body: (current: Transaction) => Steps<R>): Steps<R> {
    return transaction(call, this.#warn, body);
  }

  *#copy(call: string, current: Transaction): Steps<readonly T[]> {
    const list = this.#list;
    yield* requireLive(call, current, list.identities);
    const live = list.live(call);
    const reader = { name: `ParameterSet.${call}`, isReader: true };
    if (!this.backend.isSynchronous) holdMeanwhile(reader, current, list.identities);
    const draft = { call, backend: this.backend, transaction: current };
    return yield* finiteCopies(draft, list.entries, live);
  }

  *#read(current: Transaction): Steps<NamedTensors> {
    const copies = yield* this.#copy('read', current);
    const host = yield* wait(this.backend.download(copies));
    current.release(this.backend, copies);
    return Object.fromEntries(namedTensors(this.#list.names, host));
  }

  *#write(current: Transaction, weights: NamedTensors): Steps<void> {
    const { backend } = this;
    const list = this.#list;
    const tensors = yield* this.#uploaded('write', current, weights);
    yield* requireFree('write', current, list.identities);
    holdMeanwhile({ name: 'ParameterSet.write', isReader: false }, current, list.identities);
    list.live('write');
    const terms = { backend, entries: list.entries, tensors };
    const shown = yield* shownTensors('write', current, terms);
    const held = yield* exchanged(current, backend, list.parameters, shown);
    current.release(backend, [...held, ...tensors]);
  }

  *#withWeights<R>(
    weights: NamedTensors,
    fn: () => Awaitable<R>,
    options: WithWeightsOptions,
  ): Steps<R> {
    const call = 'withWeights';
    requireWithin(call, fn, options);
    const tensors = yield* this.#transaction(call, (current) =>
      this.#uploaded(call, current, weights),
    );
    try {
      return yield* this.#within(call, tensors, fn, options);
    } finally {
      try {
        yield* disposeAll(this.backend, tensors);
      } catch (error) {
        this.#warn(`${call}: done, but could not free the weights: ${String(error)}`);
      }
    }
  }

  *#withCopy<R>(
    tensors: readonly T[],
    fn: () => Awaitable<R>,
    options: WithWeightsOptions,
  ): Steps<R> {
    const call = 'withCopy';
    requireWithin(call, fn, options);
    requireFitting(call, this.backend, this.#list.entries, tensors);
    return yield* this.#within(call, tensors, fn, options);
  }

  *#within<R>(
    call: string,
    tensors: readonly T[],
    fn: () => Awaitable<R>,
    { batchNorm }: WithWeightsOptions,
  ): Steps<R> {
    const { backend } = this;
    const list = this.#list;
    const { entries } = list;
    const layers = batchNorm?.model.layers ?? [];
    const loan = yield* this.#transaction(call, function* (current) {
      const identities = [...list.identities, ...layers.map(({ identity }) => identity)];
      yield* requireFree(call, current, identities);
      list.live(call);
      const name = `ParameterSet.${call}`;
      const terms = { backend, name, entries, tensors, batchNorm, onEnd: () => {} };
      return yield* Loan.begin(call, current, terms);
    });
    const transact = this.#transaction.bind(this);
    function* back(): Steps<void> {
      // Where both tries fail, it is left for whoever comes next.
      loan.leave();
      yield* transact(call, (current) => loan.recall(current));
    }
    return yield* whileLent(call, fn, back, 'The next call that needs them tries again');
  }

  *#uploaded(call: string, current: Transaction, weights: NamedTensors): Steps<readonly T[]> {
    const { entries, tied } = this.#list;
    // What JavaScript passes may be anything.
    if (typeof weights !== 'object' || (weights as unknown) === null || Array.isArray(weights)) {
      throw new TypeError(
        `${call}: the weights are ${described(weights)}. Expected tensors by name, as read() ` +
          'gives.',
      );
    }
    const problems: string[] = [];
    const ties = tied.map(({ parameter }) => parameter.name);
    const wanted = entries.map(({ parameter, averageSpec }) => ({
      name: parameter.name,
      spec: averageSpec,
    }));
    const fitting = fittingTensors('the record', weights, wanted, problems, ties);
    refuseProblems(call, problems);
    const tensors = wanted.map(({ name }) => fitting.get(name) as HostTensor);
    const handles = current.drafts(this.backend, yield* wait(this.backend.upload(tensors)));
    const finite = yield* wait(this.backend.allFinite(handles));
    const bad = quoted(this.#list.names.filter((_, index) => finite[index] !== true));
    if (bad === '') return handles;
    throw new PolyakError('ERR_NON_FINITE', `${call}: NaN or an infinity in the weights ${bad}.`);
  }
}

function requireWithin(call: string, fn: unknown, options: WithWeightsOptions): void {
  requireFunction(call, 'the second argument', fn);
  requireOptions(call, options, ['batchNorm']);
  if (options.batchNorm !== undefined) requireBatchNorm(call, options.batchNorm);
}
