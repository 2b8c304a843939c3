// Running averages of a model whose training loop is one's own: no optimizer is needed.
import { requireCount, requireOptions } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import { fittingState, restore, stateOf } from './averages-state.js';
import type { AveragesState } from './averages-state.js';
import { requireFit } from '../state/differences.js';
import type { StateTree } from '../state/state-tree.js';
import { Averages } from './averages.js';
import type { AveragedGroup } from './averages.js';
import { AVERAGING_OPTIONS, termsOf } from './options.js';
import { ending, toggle, within } from './show.js';
import type { AveragedOptions, DisposeOptions, SwapOptions } from './show.js';
import type { AveragingOptions } from './options.js';
import { warnIfEmpty } from '../parameters/parameter-list.js';
import type { ParameterSource } from '../parameters/parameter-list.js';
import { drive } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';

/**
 * Running averages of the weights of a live model, moved whenever `update` is called: an
 * exponential moving average, stochastic weight averaging in a loop of one's own, or several
 * averages at once.
 *
 * All methods return promises, one call at a time. On a backend that is synchronous the work is
 * done when the call returns. A call that fails leaves everything as it was.
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
   * @param parameters - of the model; or a function that gives them, which is asked at each update,
   *   so that a weight that has come, gone or been replaced is found
   * @param options - see {@link AveragingOptions}
   * @throws TypeError, RangeError where an argument is not what it should be
   * @throws PolyakError `ERR_PARAMETERS` where two parameters share a name, or a part of their
   * memory
   * @throws PolyakError `ERR_UNSUPPORTED` where the backend cannot hold a parameter, or compensate
   *   when asked to
   */
  constructor(parameters: ParameterSource<T>, options: AveragingOptions<T>) {
    requireOptions('AveragedModel', options, AVERAGING_OPTIONS);
    this.#averages = new Averages(termsOf('AveragedModel', options));
    this.#group = this.#averages.groupOf(parameters);
    this.#averages.groups.push(this.#group);
    warnIfEmpty('AveragedModel', this.#averages.names, this.#averages.terms.warn);
  }

  /** The updates so far; of the first average, where there are several. */
  get nAvg(): number {
    return this.#group.running[0]?.nAvg ?? 0;
  }

  /** The updates that the policy `nonFinite: 'skip'` has left out. */
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
   * @throws PolyakError `ERR_NON_FINITE` where a new average would not be finite
   * @throws PolyakError `ERR_PARAMETERS` where the model is not the one that is averaged
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_DISPOSED`
   */
  async update(): Promise<void> {
    requireCount('update', arguments.length, 0);
    return this.#run('update', (current) =>
      this.#averages.update(current, [this.#group], ` in update ${this.nAvg + 1}`),
    );
  }

  /**
   * Runs `fn` with an average in the model, and puts the live weights back whatever happens. What
   * `fn` writes into the weights is dropped.
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
   * Puts an average into the model, and with the second call the live weights back, bit for bit.
   *
   * @param options - see {@link SwapOptions}. Left out, the second call takes back what is there
   * @throws PolyakError `ERR_NO_AVERAGES` before the first update
   * @throws PolyakError `ERR_SWAPPED` inside `withAveraged`, which swaps back itself; for another
   *   average than the one that is in the model; and where another object's weights are
   * @throws RangeError where there is no average of that name
   * @throws PolyakError `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_NON_FINITE`, `ERR_DISPOSED`
   */
  swap<Batch>(options: SwapOptions<Batch> = {}): Promise<void> {
    return drive(toggle(this.#averages, 'swap', options));
  }

  /**
   * The averages as plain data: `toSafetensors` turns them into bytes. Also while one is in the
   * model.
   *
   * @returns copies, which later updates do not change
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  stateDict(): Promise<AveragesState> {
    return this.#run('stateDict', ({ call }) => {
      this.#averages.requireUsable(call);
      return stateOf(this.#averages);
    });
  }

  /**
   * Goes on from a state. Everything is checked and uploaded before anything is replaced. An
   * average of another library becomes a state by the functions of `@polyak/core/interop`.
   *
   * @param state - from {@link AveragedModel.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` where it does not fit, with every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_BUSY`, `ERR_DISPOSED`
   */
  loadStateDict(state: StateTree): Promise<void> {
    return this.#run('loadStateDict', (current) => this.#load(current, state));
  }

  /**
   * Frees the averages. Later calls are refused.
   *
   * @param options - see {@link DisposeOptions}
   * @throws PolyakError `ERR_SWAPPED` while an average is in the model that is not to be kept
   * @throws PolyakError `ERR_NO_AVERAGES` where an average is to be kept and none is in the model
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  dispose(options: DisposeOptions = {}): Promise<void> {
    return drive(ending(this.#averages, options));
  }

  #run<R>(call: string, body: (current: Transaction) => Steps<R>): Promise<R> {
    return drive(this.#averages.alone(call, body));
  }

  *#load(current: Transaction, state: StateTree): Steps<void> {
    const { call } = current;
    this.#averages.requireUsable(call);
    const problems: string[] = [];
    const fitting = fittingState(call, this.#averages, state, problems);
    requireFit(problems, { code: 'ERR_STATE', call, what: 'the state' });
    yield* this.#averages.requireLive(current);
    yield* restore(current, this.#averages, fitting);
  }
}
