// Snapshots of a model in training, kept as the members of an ensemble.
import { ParameterSet } from '@polyak/core';
import type {
  NamedTensors,
  ParameterSetOptions,
  ParameterSource,
  WithWeightsOptions,
} from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import { abortInTurns, requireFunction, requireOptions, requireSignal } from '@polyak/core/kit';
import { Soup } from '../soups/soup.js';
import type { SignalOptions } from '../signal.js';
import { shown } from '../state-nodes.js';
import { Turns } from '../turns.js';
import { deviceStore } from './device-store.js';
import { fileStore } from './file-store.js';
import type { SnapshotFiles } from './file-store.js';
import { hostStore } from './host-store.js';
import type { Member, MemberStore } from './member.js';

/** Options of {@link Snapshots}. */
export interface SnapshotsOptions<T> extends ParameterSetOptions<T> {
  /**
   * Where members are kept. Each takes as much memory as the weights, in float32 where those are in
   * half precision:
   *
   * - `device`: tensors of the backend. A member goes into the model without a copy on the host.
   * - `host`: arrays in host memory.
   * - {@link SnapshotFiles}: one safetensors file for each member, which Python reads too. It is in
   *   memory only while in use.
   */
  readonly store: 'device' | 'host' | SnapshotFiles;
  /**
   * How many members to keep, an integer >= 1. After that, each new one replaces the oldest.
   * Default all.
   */
  readonly limit?: number;
}

/**
 * Weights from several points of a training run, kept as the members of an ensemble: a snapshot
 * ensemble or a fast geometric ensemble, which differ only in their learning rates.
 * {@link isRateMinimum} says when to take a snapshot.
 *
 * A member holds all parameters that were passed. Running batch-norm statistics belong to the
 * weights: list them among the parameters, or pass `batchNorm` to estimate them for each member.
 *
 * All methods return promises, one call at a time. A call that fails leaves the members and the
 * model as they were.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { meanOf, Snapshots } from '@polyak/ensemble';
 *
 * const bias = Float32Array.of(0, 0);
 * const parameters = [parameter('bias', { dtype: 'float32', shape: [2], data: bias })];
 * const snapshots = new Snapshots(parameters, { backend: cpuBackend(), store: 'device' });
 *
 * for (const logit of [1, 3]) {
 *   bias[0] = logit; // a cycle of training
 *   await snapshots.take();
 * }
 * const predict = () => {
 *   const exps = Float64Array.from(bias, Math.exp);
 *   const sum = exps.reduce((a, b) => a + b);
 *   return exps.map((e) => e / sum);
 * };
 * const predictions = await snapshots.withEach(predict);
 * console.log([...meanOf(predictions)].map((p) => p.toFixed(3))); // ['0.842', '0.158']
 * console.log((await snapshots.mean())['bias']!.data); // Float32Array(2) [2, 0]
 * await snapshots.dispose();
 * ```
 *
 * @see Huang et al. 2017, Snapshot Ensembles: Train 1, get M for free,
 * https://arxiv.org/abs/1704.00109
 * @see Garipov et al. 2018, Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs,
 * https://arxiv.org/abs/1802.10026
 */
export class Snapshots<T> {
  readonly #store: MemberStore;
  readonly #limit: number;
  readonly #turns = new Turns('Snapshots');
  #members: readonly Member[];

  /**
   * @param parameters - of the model in training; or a function that gives them
   * @param options - see {@link SnapshotsOptions}
   * @throws TypeError, RangeError where an argument is not what it should be
   * @throws PolyakError `ERR_PARAMETERS` where two parameters share a name, or a part of their
   * memory
   * @throws PolyakError `ERR_UNSUPPORTED` where the backend cannot hold one
   */
  constructor(parameters: ParameterSource<T>, options: SnapshotsOptions<T>) {
    const known = ['backend', 'onWarning', 'store', 'limit'];
    const { store, limit = Infinity, ...terms } = requireOptions('Snapshots', options, known);
    const model = new ParameterSet(parameters, terms);
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
      throw new RangeError(`Snapshots: limit is ${shown(limit)}, expected an integer >= 1.`);
    }
    this.#store = storeOf(model, store);
    this.#limit = limit;
    this.#members = this.#store.earlier;
  }

  /** The number of members. */
  get length(): number {
    return this.#members.length;
  }

  /**
   * Keeps a copy of the weights that the model holds now, as the last member.
   *
   * @throws PolyakError `ERR_NON_FINITE` where a weight is not finite, `ERR_PARAMETERS` where the
   *   model has other weights than at first, `ERR_SWAPPED` where it holds the weights of another
   *   object, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `write` and `remove` throw
   */
  take(): Promise<void> {
    return this.#turns.alone('take', async () => {
      const member = await this.#store.take();
      try {
        await this.#makeRoom();
      } catch (error) {
        await removeAfter(error, member);
        throw error;
      }
      this.#members = [...this.#members, member];
    });
  }

  /**
   * Runs `fn` with a member in the model, and puts back what the model held, whatever happens. What
   * `fn` writes into the weights is lost.
   *
   * @param index - 0 for the oldest
   * @param fn - predicts, evaluates or saves the model
   * @param options - with `batchNorm`, the running statistics are estimated for the member first,
   *   and put back afterwards
   * @returns what `fn` returned
   * @throws RangeError where there is no such member
   * @throws TypeError where `fn` is not a function, or an option is not what it should be
   * @throws PolyakError `ERR_STATE`, `ERR_NON_FINITE`, `ERR_SAFETENSORS` where a file is not one of
   *   this model, `ERR_SWAPPED`, `ERR_PARAMETERS`, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `fn` or
   *   `read` throws
   */
  withMember<R, Batch>(
    index: number,
    fn: () => Awaitable<R>,
    options: WithWeightsOptions<Batch> = {},
  ): Promise<R> {
    return this.#turns.alone('withMember', async () => {
      const given = requireOptions('withMember', options, ['batchNorm', 'holder']);
      const named = { holder: 'Snapshots.withMember', ...given };
      return this.#at('withMember', index).runWith(fn, named);
    });
  }

  /**
   * Runs `fn` with each member in the model, one after the other: the predictions of the ensemble.
   *
   * @param fn - predicts; given the index of the member, 0 for the oldest
   * @param options - as for {@link Snapshots.withMember}; the loader is read once for each member
   * @returns what `fn` returned for each
   * @throws what {@link Snapshots.withMember} throws
   */
  withEach<R, Batch>(
    fn: (index: number) => Awaitable<R>,
    options: WithWeightsOptions<Batch> & SignalOptions = {},
  ): Promise<R[]> {
    return this.#turns.alone('withEach', async () => {
      requireFunction('withEach', 'the first argument', fn);
      const known = ['batchNorm', 'holder', 'signal'];
      const { signal, ...terms } = requireOptions('withEach', options, known);
      requireSignal('withEach', signal);
      const throwIfAborted = abortInTurns(signal);
      const named = { holder: 'Snapshots.withEach', ...terms };
      const results: R[] = [];
      for (const [index, member] of this.#members.entries()) {
        await throwIfAborted();
        results.push(await member.runWith(() => fn(index), named));
      }
      await throwIfAborted();
      return results;
    });
  }

  /**
   * The weights of a member; `write` of a {@link ParameterSet} puts them into the model for good.
   *
   * @param index - 0 for the oldest
   * @returns copies by the names of the parameters, half precision as float32
   * @throws RangeError where there is no such member
   * @throws PolyakError `ERR_STATE`, `ERR_SAFETENSORS`, `ERR_BUSY`, `ERR_DISPOSED`, and whatever
   *   `read` throws
   */
  weights(index: number): Promise<NamedTensors> {
    return this.#turns.alone('weights', async () => this.#at('weights', index).read());
  }

  /**
   * The mean of the weights of all members, as {@link Soup} computes it. Evaluate it by
   * `withWeights` of a {@link ParameterSet}, with `batchNorm` where the model has batch norm: the
   * mean of the members' running statistics does not fit the mean of their weights.
   *
   * @returns tensors by the names of the parameters, half precision as float32; integers as the
   *   last member has them
   * @throws RangeError where there are no members
   * @throws PolyakError `ERR_STATE`, `ERR_NON_FINITE`, `ERR_SAFETENSORS` where a file is not one of
   *   this model, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `read` throws
   */
  mean(): Promise<NamedTensors> {
    return this.#turns.alone('mean', async () => {
      this.#at('mean', 0);
      const soup = new Soup();
      for (const member of this.#members) soup.add(await member.read());
      return soup.mean();
    });
  }

  /**
   * Frees the members in memory. Files stay, and later calls are refused.
   *
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   * @throws AggregateError where some could not be freed: those are still members
   */
  dispose(): Promise<void> {
    return this.#turns.alone('dispose', async () => {
      const stuck: Member[] = [];
      const failures: unknown[] = [];
      for (const member of this.#members) {
        try {
          await member.release();
        } catch (error) {
          stuck.push(member);
          failures.push(error);
        }
      }
      this.#members = stuck;
      if (failures.length > 0) {
        const reasons = failures.map(String).join('; ');
        throw new AggregateError(
          failures,
          `dispose: ${stuck.length} members could not be freed (${reasons}). Call dispose again.`,
        );
      }
      this.#turns.dispose();
    });
  }

  /** Removes the oldest members, so that one more is within the limit. */
  async #makeRoom(): Promise<void> {
    while (this.#members.length >= this.#limit) {
      await this.#members[0]?.remove();
      this.#members = this.#members.slice(1);
    }
  }

  #at(call: string, index: number): Member {
    const member = this.#members[index];
    if (member !== undefined) return member;
    const { length } = this.#members;
    throw new RangeError(
      length === 0
        ? `${call}: there are no members. Call take first.`
        : `${call}: there is no member ${index}, expected an index from 0 to ${length - 1}.`,
    );
  }
}

/** Removes the new member after a failure. */
async function removeAfter(error: unknown, member: Member): Promise<void> {
  try {
    await member.remove();
  } catch (failure) {
    throw new AggregateError(
      [error, failure],
      `take: failed (${String(error)}), and then the new member could not be removed ` +
        `(${String(failure)}).`,
      { cause: failure },
    );
  }
}

function storeOf<T>(model: ParameterSet<T>, store: SnapshotsOptions<T>['store']): MemberStore {
  if (store === 'device') return deviceStore(model);
  if (store === 'host') return hostStore(model);
  if (
    typeof store === 'object' &&
    store !== null &&
    ['write', 'read', 'remove'].every((name) => typeof Reflect.get(store, name) === 'function')
  )
    return fileStore(model, store);
  throw new TypeError(
    `Snapshots: store is ${typeof store === 'string' ? `"${String(store)}"` : typeof store}, ` +
      'expected "device", "host" or SnapshotFiles.',
  );
}
