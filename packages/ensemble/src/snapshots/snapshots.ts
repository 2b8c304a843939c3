// Snapshots of a model in training, kept as the members of an ensemble.
import type { AveragedBatchNorm, Awaitable, LiveModel, NamedTensors } from '@polyak/core';
import { groupOf, Guard } from '@polyak/core/internal';
import type { Group } from '@polyak/core/internal';
import { deviceStore } from './device-store.js';
import { fileStore } from './file-store.js';
import type { SnapshotFiles } from './file-store.js';
import { hostStore } from './host-store.js';
import { meanOfMembers } from './mean-of-members.js';
import type { Member, MemberStore } from './member.js';

/** Options of {@link Snapshots}. */
export interface SnapshotsOptions {
  /**
   * Where members are kept. Each takes the memory of the weights, those in half precision as
   * float32:
   *
   * - `device`: tensors of the backend. A member goes into the model as a copy, without a way over
   *   the host.
   * - `host`: arrays in host memory.
   * - {@link SnapshotFiles}: safetensors files, which Python reads too, one each; in memory only
   *   while in use.
   */
  readonly store: 'device' | 'host' | SnapshotFiles;
  /**
   * How many to keep, an integer >= 1: a further one takes the place of the oldest. Default all.
   */
  readonly limit?: number;
}

/**
 * Weights that a training run has visited, kept as the members of an ensemble: snapshot ensembles
 * and fast geometric ensembles, which differ in their learning rates only. {@link isRateMinimum}
 * says when to take one.
 *
 * A member is all parameters of the model that was passed. Running batch-norm statistics belong to
 * the weights: list them among the parameters, or have them estimated anew with `batchNorm`.
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
 * const snapshots = new Snapshots({ backend: cpuBackend(), parameters }, { store: 'device' });
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
  readonly #group: Group<T>;
  readonly #store: MemberStore;
  readonly #limit: number;
  readonly #guard = new Guard('Snapshots');
  #members: readonly Member[];

  /**
   * @param model - the model in training
   * @param options - see {@link SnapshotsOptions}
   * @throws TypeError, RangeError where `store` is none, `limit` is out of its range, or a key is
   * not of a snapshot
   * @throws PolyakError `ERR_PARAMETERS` where two parameters share a name, `ERR_UNSUPPORTED` where
   *   the backend cannot hold one
   */
  constructor(model: LiveModel<T>, { store, limit = Infinity }: SnapshotsOptions) {
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
      throw new RangeError(`Snapshots: limit is ${limit}, expected an integer >= 1.`);
    }
    this.#group = groupOf(model);
    this.#store = storeOf(model, store);
    this.#limit = limit;
    this.#members = this.#store.earlier;
  }

  /** How many members there are. */
  get length(): number {
    return this.#members.length;
  }

  /**
   * Makes a member, the last one, of what the model holds now.
   *
   * @throws PolyakError `ERR_NON_FINITE` where a weight is not finite, `ERR_PARAMETERS` where one
   *   has another shape than at first, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `write` and
   *   `remove` throw
   */
  async take(): Promise<void> {
    return this.#guard.aloneAndLive('take', async () => {
      this.#group.list.live('take');
      const member = await this.#store.take();
      try {
        while (this.#members.length >= this.#limit) {
          await this.#members[0]?.remove();
          this.#members = this.#members.slice(1);
        }
      } catch (error) {
        await Promise.allSettled([member.remove()]);
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
   * @param batchNorm - where given, the running statistics are estimated for the member first, and
   * put back afterwards
   * @returns what `fn` returned
   * @throws RangeError where there is no such member
   * @throws PolyakError `ERR_STATE`, `ERR_NON_FINITE`, `ERR_SAFETENSORS` where a file is not one of
   *   this model, `ERR_PARAMETERS`, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `fn` or `read` throws
   */
  async withMember<R, Batch>(
    index: number,
    fn: () => Awaitable<R>,
    batchNorm?: AveragedBatchNorm<Batch>,
  ): Promise<R> {
    return this.#guard.aloneAndLive('withMember', async () =>
      this.#at('withMember', index).runWith(fn, batchNorm),
    );
  }

  /**
   * Runs `fn` with each member in the model, one after the other: the predictions of the ensemble.
   *
   * @param fn - predicts; given the index of the member, 0 for the oldest
   * @param batchNorm - as for {@link Snapshots.withMember}; its loader is read once for each member
   * @returns what `fn` returned for each
   * @throws what {@link Snapshots.withMember} throws
   */
  async withEach<R, Batch>(
    fn: (index: number) => Awaitable<R>,
    batchNorm?: AveragedBatchNorm<Batch>,
  ): Promise<R[]> {
    return this.#guard.aloneAndLive('withEach', async () => {
      const results: R[] = [];
      for (const [index, member] of this.#members.entries()) {
        results.push(await member.runWith(() => fn(index), batchNorm));
      }
      return results;
    });
  }

  /**
   * The weights of a member; `writeWeights` puts them into the model for good.
   *
   * @param index - 0 for the oldest
   * @returns copies by the names of the parameters, half precision as float32
   * @throws RangeError where there is no such member
   * @throws PolyakError `ERR_SAFETENSORS`, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `read` throws
   */
  async weights(index: number): Promise<NamedTensors> {
    return this.#guard.aloneAndLive('weights', async () => this.#at('weights', index).read());
  }

  /**
   * The mean of all members, summed in float64 one member at a time: `withWeights` evaluates it,
   * with `batchNorm` where the model has batch norm, for a mean of running statistics is not that
   * of the mean of weights.
   *
   * @returns tensors by the names of the parameters, half precision as float32; integers as the
   * last member has them
   * @throws RangeError where there are no members
   * @throws PolyakError `ERR_STATE`, `ERR_NON_FINITE`, `ERR_SAFETENSORS` where a file is not one of
   *   this model, `ERR_BUSY`, `ERR_DISPOSED`, and whatever `read` throws
   */
  async mean(): Promise<NamedTensors> {
    return this.#guard.aloneAndLive('mean', async () => {
      this.#at('mean', 0);
      return meanOfMembers(this.#group, this.#members);
    });
  }

  /**
   * Frees the members in memory, and refuses further calls. Files stay.
   *
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  async dispose(): Promise<void> {
    return this.#guard.aloneAndLive('dispose', async () => {
      const members = this.#members;
      this.#members = [];
      this.#guard.status = { kind: 'disposed' };
      for (const member of members) await member.release();
    });
  }

  #at(call: string, index: number): Member {
    const member = this.#members[index];
    if (member !== undefined) return member;
    throw new RangeError(
      `${call}: there is no member ${index}, there are ${this.#members.length}.`,
    );
  }
}

function storeOf<T>(model: LiveModel<T>, store: SnapshotsOptions['store']): MemberStore {
  if (store === 'device') return deviceStore(model);
  if (store === 'host') return hostStore(model);
  if (typeof store === 'object') return fileStore(model, store);
  throw new TypeError(
    `Snapshots: store is "${String(store)}", expected "device", "host" or SnapshotFiles.`,
  );
}
