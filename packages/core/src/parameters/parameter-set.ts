// The weights of a live model: reading them, and replacing them for a while or for good. Snapshots,
// merges and samples are built on it, for every backend.
import { described, requireArray, requireFunction, requireOptions } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import { checkedBatchNorm } from '../batch-norm/bn-update.js';
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
  /** If given, running statistics are estimated for the weights, and the old ones are put back. */
  readonly batchNorm?: AveragedBatchNorm<Batch>;
  /** Who has put the weights in, for messages. Default the method of `ParameterSet`. */
  readonly holder?: string;
}

/**
 * The parameters of a live model. Several objects may average, collect and sample one model, but
 * only one at a time may have other weights in it (`ERR_SWAPPED`). Parameters that share their
 * storage count as one, under the first name. Half precision is read and written as float32.
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
   * @param parameters - the parameters of the model with unique names, or a function that returns
   *   them
   * @param options - see {@link ParameterSetOptions}
   * @throws TypeError if an argument has the wrong type
   * @throws PolyakError `ERR_PARAMETERS`, `ERR_UNSUPPORTED`
   */
  constructor(parameters: ParameterSource<T>, options: ParameterSetOptions<T>) {
    const given = requireOptions('ParameterSet', options, ['backend', 'onWarning']);
    requireBackend('ParameterSet', given);
    this.backend = given.backend;
    this.#warn = warnerOf('ParameterSet', given.onWarning);
    this.#list = new ParameterList(given.backend, parameters);
    warnIfEmpty('ParameterSet', this.#list.names, this.#warn);
  }

  /** The specs of the tensors that `read` returns, by name, in the same order. */
  get specs(): ReadonlyMap<string, TensorSpec> {
    return new Map(
      this.#list.entries.map(({ parameter, averageSpec }) => [parameter.name, averageSpec]),
    );
  }

  /**
   * Copies the weights that the model holds now to the host.
   *
   * @returns tensors by parameter name
   * @throws PolyakError `ERR_NON_FINITE` if a weight is not finite, `ERR_SWAPPED`, `ERR_PARAMETERS`
   */
  read(): Promise<NamedTensors> {
    return this.#run('read', (current) => this.#read(current));
  }

  /**
   * Puts `weights` into the model for good.
   *
   * @param weights - the weights of all parameters, as `read` returns them
   * @throws PolyakError `ERR_STATE` if the weights do not fit; the message lists every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_PARAMETERS`
   */
  write(weights: NamedTensors): Promise<void> {
    return this.#run('write', (current) => this.#write(current, weights));
  }

  /**
   * Runs `fn` with `weights` in the model, and then puts the old weights back, even if `fn` throws.
   *
   * @param weights - the weights of all parameters, as `read` returns them
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
   * Copies the weights that the model holds now to tensors of the backend: one for each name of
   * `specs`, in the same order.
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
   * @param tensors - such as those of `copy`; not changed, and still owned by the caller
   * @throws PolyakError `ERR_STATE` if the tensors do not fit, and as `withWeights`
   */
  withCopy<R, Batch>(
    tensors: readonly T[],
    fn: () => Awaitable<R>,
    options: WithWeightsOptions<Batch> = {},
  ): Promise<R> {
    return drive(this.#within('withCopy', fn, options, () => wait(this.#fitting(tensors))));
  }

  /**
   * Takes out weights that were left in the model, such as the averages after `fit`, and puts the
   * live weights back. Does nothing if the model holds them already.
   *
   * @throws PolyakError `ERR_SWAPPED` if the weights in the model are still in use
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
    const given = requireOptions(call, options, ['batchNorm', 'holder']);
    const { holder = `ParameterSet.${call}` } = given;
    const batchNorm = checkedBatchNorm(call, given.batchNorm);
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
    // Callers without types may pass anything.
    if (typeof weights !== 'object' || (weights as unknown) === null || Array.isArray(weights)) {
      throw new TypeError(
        `${call}: the weights are ${described(weights)}. Expected tensors by name, as read() ` +
          'returns.',
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
    requireArray(`${call}: the tensors are`, tensors, 'Expected an array, as copy() returns.');
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
