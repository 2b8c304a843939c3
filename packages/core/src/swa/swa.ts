// Stochastic weight averaging around any optimizer, with the names of torchcontrib.
import { requireCount, requireFunction, requireOptions } from '../arguments.js';
import { AVERAGING_OPTIONS } from '../averaging/options.js';
import { ending, toggle, within } from '../averaging/show.js';
import type { AveragedOptions, DisposeOptions, SwapOptions } from '../averaging/show.js';
import { warnIfEmpty } from '../parameters/parameter-list.js';
import { drive, wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import type { Awaitable } from '../awaitable.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import type { StateTree } from '../state/state-tree.js';
import type { SWAParamGroup } from './group.js';
import { SWAMachine } from './machine.js';
import type { SWAOptions, SWAState } from './machine.js';
import type { Mode } from './plan.js';

/**
 * Stochastic weight averaging: keeps a running average of the weights that an optimizer visits, and
 * puts it into the model on request.
 *
 * In automatic mode (`swaStart` and `swaFreq` are given), `step` takes the averages: after each
 * step of a group whose number is greater than `swaStart` and a multiple of `swaFreq`,
 * `average += (weights - average) / (nAvg + 1)`. In manual mode, `updateSwa` takes them.
 *
 * All methods except `resetLr` return promises; await each call before the next. On a synchronous
 * backend the work is done when the call returns. A call that fails changes nothing.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { observedOptimizer, SWA } from '@polyak/core';
 *
 * const weights = new Float32Array([0, 0]);
 * const weight = parameter('weight', { dtype: 'float32', shape: [2], data: weights });
 * const optimizer = observedOptimizer([{ params: [weight], lr: 0.1 }]);
 * const swa = new SWA(optimizer, { backend: cpuBackend() });
 *
 * for (const value of [1, 2, 6]) {
 *   weights.fill(value); // an optimizer's step
 *   await swa.updateSwa();
 * }
 * await swa.swapSwaSgd();
 * console.log([...weights]); // [3, 3]
 * ```
 *
 * @see Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization,
 *   https://arxiv.org/abs/1803.05407
 * @see torchcontrib.optim.SWA
 */
export class SWA<T> {
  readonly #machine: SWAMachine<T>;

  /**
   * @param optimizer - the optimizer whose weights are averaged
   * @param options - see {@link SWAOptions}
   * @throws TypeError, RangeError if an argument has the wrong type or is out of range
   * @throws PolyakError `ERR_PARAMETERS` if two parameters share a name or a part of their memory
   * @throws PolyakError `ERR_UNSUPPORTED` if the backend does not support the dtype of a parameter,
   *   or `compensated`
   */
  constructor(optimizer: Optimizer<T>, options: SWAOptions<T>) {
    const known = [...AVERAGING_OPTIONS, 'swaStart', 'swaFreq', 'swaLr'];
    this.#machine = new SWAMachine(optimizer, requireOptions('SWA', options, known));
    const { names, terms } = this.#machine.averages;
    warnIfEmpty('SWA', names, terms.warn);
  }

  /** The base optimizer. */
  get optimizer(): Optimizer<T> {
    return this.#machine.optimizer;
  }

  /** Automatic or manual, with its settings. */
  get mode(): Mode {
    return this.#machine.mode;
  }

  /** The optimizer's parameter groups, each with `nAvg` and `stepCounter`. */
  get paramGroups(): readonly SWAParamGroup<T>[] {
    return this.#machine.groups;
  }

  /** The number of updates left out by `nonFinite: 'skip'`. */
  get nSkipped(): number {
    return this.#machine.averages.nSkipped;
  }

  /** Whether the next call that needs the live weights takes the average out of the model. */
  get isRecallable(): boolean {
    const { status } = this.#machine.averages;
    return status.kind === 'swapped' && status.loan.isRecallable;
  }

  /** Whether the averages were freed. */
  get isDisposed(): boolean {
    return this.#machine.averages.status.kind === 'disposed';
  }

  /** Whether the model holds an average now. */
  get isSwapped(): boolean {
    return this.#machine.averages.shown !== undefined;
  }

  /**
   * Makes one optimization step: sets the learning rate of groups past `swaStart` to `swaLr`, steps
   * the base optimizer, and in automatic mode averages the groups that are due. If it fails,
   * nothing has changed, except by the base optimizer's own step if that was made.
   *
   * @param closure - passed to the base optimizer: computes the loss
   * @returns what the base optimizer returned, usually the loss
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_DISPOSED`
   * @throws PolyakError `ERR_NON_FINITE` if a new average would not be finite: nothing is averaged
   *   or counted, but the base optimizer has made its step
   */
  step<Loss>(closure?: () => Awaitable<Loss>): Promise<Loss | undefined> {
    return drive(this.#machine.step('step', closure));
  }

  /**
   * Sets the learning rate of the groups past `swaStart` to `swaLr`, as `step` does before the base
   * optimizer's step. For loops that make the step themselves; see {@link observedOptimizer}.
   */
  resetLr(): void {
    this.#machine.resetLr();
  }

  /**
   * Averages the weights of all groups now.
   *
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_NON_FINITE`,
   * `ERR_DISPOSED`
   */
  async updateSwa(): Promise<void> {
    requireCount('updateSwa', arguments.length, 0);
    return this.#run('updateSwa', (current) => this.#machine.update(current, this.#machine.groups));
  }

  /**
   * Averages the weights of one group now.
   *
   * @param group - one of {@link SWA.paramGroups}
   * @throws TypeError if `group` is not one of them
   * @throws PolyakError as {@link SWA.updateSwa}
   */
  async updateSwaGroup(group: SWAParamGroup<T>): Promise<void> {
    requireCount('updateSwaGroup', arguments.length, 1);
    const own = this.#machine.groups.find((candidate) => candidate === group);
    if (own === undefined) {
      throw new TypeError('updateSwaGroup: the group is not one of swa.paramGroups.');
    }
    return this.#run('updateSwaGroup', (current) => this.#machine.update(current, [own]));
  }

  /**
   * Puts an average into the model, to evaluate or save it. The second call puts the live weights
   * back, bit for bit, to continue training. The averages do not change: what is written into the
   * model in between is dropped. A parameter that was never averaged keeps its value, with a
   * warning.
   *
   * If `batchNorm` is given, the running batch-norm statistics are swapped too.
   *
   * @param options - see {@link SwapOptions}; the second call needs none
   * @throws PolyakError `ERR_NO_AVERAGES` before the first update
   * @throws PolyakError `ERR_SWAPPED` inside `withAveraged`, which swaps back itself; if a
   *   different average is in the model; or if another object's weights are
   * @throws RangeError if there is no average with that name
   * @throws PolyakError `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_NON_FINITE`, `ERR_DISPOSED`
   */
  swapSwaSgd<Batch>(options: SwapOptions<Batch> = {}): Promise<void> {
    return drive(toggle(this.#machine.averages, 'swapSwaSgd', options));
  }

  /**
   * Runs `fn` with an average in the model, and then puts the live weights back, even if `fn`
   * throws. Changes that `fn` makes to the weights are dropped. With `batchNorm`, batch norm is
   * updated for the average first, and the live statistics are put back afterwards.
   *
   * @param fn - evaluates or saves the model
   * @param options - see {@link AveragedOptions}
   * @returns what `fn` returned
   * @throws PolyakError as {@link SWA.swapSwaSgd}, and whatever `fn` or {@link bnUpdate} throws
   */
  async withAveraged<R, Batch>(
    fn: () => Awaitable<R>,
    options: AveragedOptions<Batch> = {},
  ): Promise<R> {
    requireCount('withAveraged', arguments.length, 2);
    return drive(within(this.#machine.averages, 'withAveraged', 'swapSwaSgd', fn, options));
  }

  /**
   * Adds a parameter group, at any time. Its counters start at 0, so in automatic mode it waits for
   * `swaStart` steps of its own.
   *
   * @param group - its parameters and learning rate
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_UNSUPPORTED`,
   *   `ERR_DISPOSED`
   */
  addParamGroup(group: ParamGroup<T>): Promise<void> {
    return this.#run('addParamGroup', (current) => this.#machine.addParamGroup(current, group));
  }

  /**
   * The state of this SWA and of its optimizer as plain data, which `toSafetensors` turns into
   * bytes. A run that resumes from it with the same live weights continues bit for bit. The live
   * weights are not part of it: save them with the model. Can be called while an average is in the
   * model.
   *
   * @returns copies, which later updates do not change
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  stateDict(): Promise<SWAState> {
    return this.#run('stateDict', (current) => this.#machine.state(current, 'copies'));
  }

  /**
   * Runs `fn` with the state that {@link SWA.stateDict} returns, but without a copy of averages
   * that lie in host memory. To save it, pass its `toSafetensorsChunks` to a file: 100M weights
   * take 1.1 to 1.2 of writing their bytes and no memory, where `stateDict` and `toSafetensors`
   * take 3 to 4, and twice the memory of the state.
   *
   * @param fn - writes the state. Its tensors are only valid until `fn` is done; until then, other
   *   calls throw `ERR_BUSY`
   * @returns what `fn` returned
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`, and whatever `fn` throws
   * @example
   * ```ts
   * import { writeFile } from 'node:fs/promises';
   * import { toSafetensorsChunks } from '@polyak/core';
   * import type { SWA } from '@polyak/core';
   *
   * async function save(path: string, swa: SWA<unknown>): Promise<void> {
   *   await swa.withStateDict((state) => writeFile(path, toSafetensorsChunks(state)));
   * }
   * ```
   */
  async withStateDict<R>(fn: (state: SWAState) => Awaitable<R>): Promise<R> {
    requireCount('withStateDict', arguments.length, 1);
    requireFunction('withStateDict', 'the argument', fn);
    const machine = this.#machine;
    return this.#run('withStateDict', function* (current) {
      return yield* wait(fn(yield* machine.state(current, 'views')));
    });
  }

  /**
   * Restores a state: averages, counters, and the base optimizer's state. Everything is checked and
   * uploaded before anything is replaced. The functions of `@polyak/core/interop` turn the averages
   * of other libraries into a state.
   *
   * @param state - from {@link SWA.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` if the state does not fit; the message lists every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_BUSY`, `ERR_DISPOSED`, and whatever
   *   the base optimizer throws
   */
  loadStateDict(state: StateTree): Promise<void> {
    return this.#run('loadStateDict', (current) => this.#machine.load(current, state));
  }

  /**
   * Frees the averages. The model and the optimizer can be used further; later calls of this SWA
   * throw `ERR_DISPOSED`.
   *
   * @param options - see {@link DisposeOptions}
   * @throws PolyakError `ERR_SWAPPED` if an average is in the model and is not to be kept
   * @throws PolyakError `ERR_NO_AVERAGES` if `keep` is `averages` and no average is in the model
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  dispose(options: DisposeOptions = {}): Promise<void> {
    return drive(ending(this.#machine.averages, options));
  }

  #run<R>(call: string, body: (current: Transaction) => Steps<R>): Promise<R> {
    return drive(this.#machine.averages.alone(call, body));
  }
}
