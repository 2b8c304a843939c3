// The weights of a live model: read, put in for a while, put in for good. What is kept outside of
// averages (snapshots, merges, samples) goes through here, on every backend.
import { described, requireArray, requireFunction, requireOptions } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import { requireBatchNorm } from '../batch-norm/bn-update.js';
import type { AveragedBatchNorm } from '../batch-norm/bn-update.js';
import { requireFit, specDifferences } from '../state/differences.js';
import { fittingTensors } from '../state/named-tensors.js';
import type { NamedTensors } from '../state/named-tensors.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';
import { copied, requireFinite, requireHeld, rounded } from './copies.js';
import { holdMeanwhile, requireFree, requireLive } from './live.js';
import { exchanged, Loan, whileLent } from './loan.js';
import { ParameterList, requireBackend, specOf, warnIfEmpty } from './parameter-list.js';
import type { ParameterSource } from './parameter-list.js';
import { drive, wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { transaction } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import { warnerOf } from '../steps/warn.js';
import type { Warn } from '../steps/warn.js';

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
  /** Who has put the weights in, for messages. Default the method of `ParameterSet`. */
  readonly holder?: string;
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
    return this.#run('read', (current) => this.#read(current));
  }

  /**
   * Puts `weights` into the model for good.
   *
   * @param weights - of all its parameters, as `read` gives them
   * @throws PolyakError `ERR_STATE` where they do not fit, with every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_PARAMETERS`
   */
  write(weights: NamedTensors): Promise<void> {
    return this.#run('write', (current) => this.#write(current, weights));
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
    return drive(
      this.#within('withWeights', fn, options, (current) => this.#uploaded(current, weights)),
    );
  }

  /**
   * Copies of the weights that the model holds now, where the backend keeps its tensors: one for
   * each name of `specs`, in that order.
   *
   * @returns tensors that the caller disposes of
   * @throws PolyakError as `read`
   */
  copy(): Promise<readonly T[]> {
    return this.#run('copy', (current) => this.#copy(current));
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
    return drive(this.#within('withCopy', fn, options, () => wait(this.#fitting(tensors))));
  }

  /**
   * Takes out weights that were left in the model, such as the averages after a finished `fit`, so
   * that it holds its live weights again. Does nothing where it holds them.
   *
   * @throws PolyakError `ERR_SWAPPED` where somebody still needs what is there
   */
  recall(): Promise<void> {
    return this.#run('recall', (current) => requireLive(current, this.#list.identities));
  }

  #run<R>(call: string, body: (current: Transaction) => Steps<R>): Promise<R> {
    return drive(transaction(call, this.#warn, body));
  }

  *#copy(current: Transaction): Steps<readonly T[]> {
    const { backend } = this;
    const { entries, identities } = this.#list;
    yield* requireLive(current, identities);
    const live = this.#list.live(current.call);
    const reader = { name: `ParameterSet.${current.call}`, isReader: true };
    if (!backend.isSynchronous) holdMeanwhile(reader, current, identities);
    const copies = yield* copied(current, backend, entries, live);
    yield* requireFinite(current, backend, entries, copies);
    return copies;
  }

  *#read(current: Transaction): Steps<NamedTensors> {
    const copies = yield* this.#copy(current);
    const host = yield* wait(this.backend.download(copies));
    current.release(this.backend, copies);
    return Object.fromEntries(host.map((tensor, n) => [this.#list.names[n] as string, tensor]));
  }

  *#write(current: Transaction, weights: NamedTensors): Steps<void> {
    const { backend } = this;
    const list = this.#list;
    const tensors = yield* this.#uploaded(current, weights);
    yield* requireFree(current, list.identities);
    holdMeanwhile({ name: 'ParameterSet.write', isReader: false }, current, list.identities);
    list.live('write');
    const shown = yield* rounded(current, backend, list.entries, tensors);
    const held = yield* exchanged(current, backend, list.parameters, shown);
    yield* requireHeld(current, backend, list.entries, shown, held);
    current.release(backend, [...held, ...tensors]);
  }

  *#within<R>(
    call: 'withWeights' | 'withCopy',
    fn: () => Awaitable<R>,
    options: WithWeightsOptions,
    tensorsOf: (current: Transaction) => Steps<readonly T[]>,
  ): Steps<R> {
    requireFunction(call, 'the second argument', fn);
    requireOptions(call, options, ['batchNorm', 'holder']);
    const { batchNorm, holder = `ParameterSet.${call}` } = options;
    if (batchNorm !== undefined) requireBatchNorm(`${call}: batchNorm`, batchNorm);
    const { backend } = this;
    const [list, warn] = [this.#list, this.#warn];
    const layers = batchNorm?.model.layers ?? [];
    const loan = yield* transaction(call, warn, function* (current) {
      const tensors = yield* tensorsOf(current);
      const identities = [...list.identities, ...layers.map(({ identity }) => identity)];
      yield* requireFree(current, identities);
      list.live(call);
      return yield* Loan.begin(current, {
        backend,
        name: holder,
        entries: list.entries,
        tensors,
        isOwner: call === 'withWeights',
        batchNorm,
        onEnd: () => {},
      });
    });
    function* back(): Steps<void> {
      // Where both tries fail, it is left for whoever comes next.
      loan.leave('stuck');
      yield* transaction(call, warn, (current) => loan.takeBack(current));
    }
    return yield* whileLent(call, fn, back, 'The next call that needs them tries again');
  }

  *#uploaded(current: Transaction, weights: NamedTensors): Steps<readonly T[]> {
    const { call } = current;
    const { entries, names, tied } = this.#list;
    const { backend } = this;
    // What JavaScript passes may be anything.
    if (typeof weights !== 'object' || (weights as unknown) === null || Array.isArray(weights)) {
      throw new TypeError(
        `${call}: the weights are ${described(weights)}. Expected tensors by name, as read() ` +
          'gives.',
      );
    }
    const problems: string[] = [];
    const ties = new Set(tied.map(({ parameter }) => parameter.name));
    const fitting = fittingTensors('', weights, this.specs, problems, ties);
    requireFit(problems, { code: 'ERR_STATE', call, what: 'the record of weights' });
    const host = names.map((name) => fitting.get(name) as HostTensor);
    const tensors = current.drafts(backend, yield* wait(backend.upload(host)));
    yield* requireFinite(current, backend, entries, tensors);
    return tensors;
  }

  #fitting(tensors: readonly T[]): readonly T[] {
    const call = 'withCopy';
    const { names } = this.#list;
    requireArray(`${call}: the tensors are`, tensors, 'Expected an array, as copy() gives.');
    const found = tensors.map((tensor, index) => {
      const spec = specOf(this.backend, `${call}: tensor ${index}`, tensor);
      return [names[index] ?? `tensor ${index}`, spec] as const;
    });
    const sides = { found: 'the list', expected: 'the model' };
    const differences = specDifferences(new Map(found), this.specs, sides);
    requireFit(differences, { code: 'ERR_STATE', call, what: 'the list of weights' });
    return tensors;
  }
}
