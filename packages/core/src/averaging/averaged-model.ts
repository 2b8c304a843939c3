// Running averages for custom training loops, without an optimizer.
import { requireCount, requireFunction, requireOptions } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import { fittingState, restore, stateOf } from './averages-state.js';
import type { AveragesState } from './averages-state.js';
import { requireFit } from '../state/differences.js';
import { readState } from '../state/read-state.js';
import type { StateTree } from '../state/state-tree.js';
import { Averages } from './averages.js';
import type { AveragedGroup } from './averages.js';
import { AVERAGING_OPTIONS, termsOf } from './options.js';
import { ending, toggle, within } from './show.js';
import type { AveragedOptions, DisposeOptions, SwapOptions } from './show.js';
import type { AveragingOptions } from './options.js';
import { warnIfEmpty } from '../parameters/parameter-list.js';
import type { ParameterSource } from '../parameters/parameter-list.js';
import { drive, wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';

/**
 * Running averages of the weights of a live model, updated by each call of `update`: an exponential
 * moving average, stochastic weight averaging in a custom loop, or several averages at once.
 *
 * All methods return promises; await each call before the next. On a synchronous backend the work
 * is done when the call returns. A call that fails changes nothing.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { AveragedModel } from '@polyak/core';
 * import { exponential } from '@polyak/core/rules';
 *
 * const weights = new Float32Array([0, 0]);
 * const weight = parameter('weight', { dtype: 'float32', shape: [2], data: weights });
 * const ema = new AveragedModel([weight], { backend: cpuBackend(), rule: exponential(0.5) });
 *
 * for (const value of [1, 2, 6]) {
 *   weights.fill(value); // a training step
 *   await ema.update();
 * }
 * await ema.withAveraged(() => console.log([...weights])); // [3.75, 3.75]
 * ```
 *
 * @see torch.optim.swa_utils.AveragedModel
 */
export class AveragedModel<T> {
  readonly #averages: Averages<T>;
  readonly #group: AveragedGroup<T>;

  /**
   * @param parameters - the parameters of the model, or a function that returns them. The function
   *   is called at each update, to detect weights that were added, removed or replaced
   * @param options - see {@link AveragingOptions}
   * @throws TypeError, RangeError if an argument has the wrong type or is out of range
   * @throws PolyakError `ERR_PARAMETERS` if two parameters share a name or a part of their memory
   * @throws PolyakError `ERR_UNSUPPORTED` if the backend does not support the dtype of a parameter,
   *   or `compensated`
   */
  constructor(parameters: ParameterSource<T>, options: AveragingOptions<T>) {
    const given = requireOptions('AveragedModel', options, AVERAGING_OPTIONS);
    this.#averages = new Averages(termsOf('AveragedModel', given));
    this.#group = this.#averages.groupOf(parameters);
    this.#averages.groups.push(this.#group);
    warnIfEmpty('AveragedModel', this.#averages.names, this.#averages.terms.warn);
  }

  /** The number of updates so far; that of the first average if there are several. */
  get nAvg(): number {
    return this.#group.running[0]?.nAvg ?? 0;
  }

  /** The number of updates left out by `nonFinite: 'skip'`. */
  get nSkipped(): number {
    return this.#averages.nSkipped;
  }

  /** Whether the model holds an average now. */
  get isSwapped(): boolean {
    return this.#averages.shown !== undefined;
  }

  /**
   * Moves the averages towards the weights that the model holds now.
   *
   * @throws PolyakError `ERR_NON_FINITE` if a new average would not be finite
   * @throws PolyakError `ERR_PARAMETERS` if the model's parameters are not those that are averaged
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_DISPOSED`
   */
  async update(): Promise<void> {
    requireCount('update', arguments.length, 0);
    return this.#run('update', (current) =>
      this.#averages.update(current, [this.#group], ` in update ${this.nAvg + 1}`),
    );
  }

  /**
   * Runs `fn` with an average in the model, and then puts the live weights back, even if `fn`
   * throws. Changes that `fn` makes to the weights are dropped.
   *
   * @param fn - evaluates or saves the model
   * @param options - see {@link AveragedOptions}
   * @returns what `fn` returned
   * @throws PolyakError as {@link AveragedModel.swap}, and whatever `fn` or {@link bnUpdate} throws
   */
  async withAveraged<R, Batch>(
    fn: () => Awaitable<R>,
    options: AveragedOptions<Batch> = {},
  ): Promise<R> {
    requireCount('withAveraged', arguments.length, 2);
    return drive(within(this.#averages, 'withAveraged', 'swap', fn, options));
  }

  /**
   * Puts an average into the model. The second call puts the live weights back, bit for bit.
   *
   * @param options - see {@link SwapOptions}; the second call needs none
   * @throws PolyakError `ERR_NO_AVERAGES` before the first update
   * @throws PolyakError `ERR_SWAPPED` inside `withAveraged`, which swaps back itself; if a
   *   different average is in the model; or if another object's weights are
   * @throws RangeError if there is no average with that name
   * @throws PolyakError `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_NON_FINITE`, `ERR_DISPOSED`
   */
  swap<Batch>(options: SwapOptions<Batch> = {}): Promise<void> {
    return drive(toggle(this.#averages, 'swap', options));
  }

  /**
   * The averages as plain data, which `toSafetensors` turns into bytes. Can be called while an
   * average is in the model.
   *
   * @returns copies, which later updates do not change
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  stateDict(): Promise<AveragesState> {
    return this.#run('stateDict', ({ call }) => {
      this.#averages.requireUsable(call);
      return stateOf(this.#averages, 'copies');
    });
  }

  /**
   * Runs `fn` with the state that {@link AveragedModel.stateDict} returns, but without a copy of
   * averages that lie in host memory. To save it, pass its `toSafetensorsChunks` to a file.
   *
   * @param fn - writes the state. Its tensors are only valid until `fn` is done; until then, other
   *   calls throw `ERR_BUSY`
   * @returns what `fn` returned
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`, and whatever `fn` throws
   * @example
   * ```ts
   * import { writeFile } from 'node:fs/promises';
   * import { toSafetensorsChunks } from '@polyak/core';
   * import type { AveragedModel } from '@polyak/core';
   *
   * async function save(path: string, ema: AveragedModel<unknown>): Promise<void> {
   *   await ema.withStateDict((state) => writeFile(path, toSafetensorsChunks(state)));
   * }
   * ```
   */
  async withStateDict<R>(fn: (state: AveragesState) => Awaitable<R>): Promise<R> {
    requireCount('withStateDict', arguments.length, 1);
    requireFunction('withStateDict', 'the argument', fn);
    const averages = this.#averages;
    return this.#run('withStateDict', function* ({ call }) {
      averages.requireUsable(call);
      return yield* wait(fn(yield* stateOf(averages, 'views')));
    });
  }

  /**
   * Restores a state. Everything is checked and uploaded before anything is replaced. The functions
   * of `@polyak/core/interop` turn the averages of other libraries into a state.
   *
   * @param state - from {@link AveragedModel.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` if the state does not fit; the message lists every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_BUSY`, `ERR_DISPOSED`
   */
  loadStateDict(state: StateTree): Promise<void> {
    return this.#run('loadStateDict', (current) => this.#load(current, state));
  }

  /**
   * Frees the averages. Later calls throw `ERR_DISPOSED`.
   *
   * @param options - see {@link DisposeOptions}
   * @throws PolyakError `ERR_SWAPPED` if an average is in the model and is not to be kept
   * @throws PolyakError `ERR_NO_AVERAGES` if `keep` is `averages` and no average is in the model
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  dispose(options: DisposeOptions = {}): Promise<void> {
    return drive(ending(this.#averages, options));
  }

  #run<R>(call: string, body: (current: Transaction) => Steps<R>): Promise<R> {
    return drive(this.#averages.alone(call, body));
  }

  *#load(current: Transaction, given: StateTree): Steps<void> {
    const { call } = current;
    this.#averages.requireUsable(call);
    const state = readState(call, given);
    const problems: string[] = [];
    const fitting = fittingState(call, this.#averages, state, problems);
    requireFit(problems, { code: 'ERR_STATE', call, what: 'the state' });
    yield* this.#averages.requireLive(current);
    yield* restore(current, this.#averages, fitting);
  }
}
