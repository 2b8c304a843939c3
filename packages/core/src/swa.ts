// Stochastic weight averaging around any optimizer: torchcontrib's vocabulary, without its defects.
import type { Awaitable } from './backend.js';
import { bnUpdate, withUpdatedStatistics } from './bn-update.js';
import type { AveragedBatchNorm } from './bn-update.js';
import { PolyakError } from './error.js';
import { exchange } from './exchange.js';
import { Guard } from './guard.js';
import { withImported } from './interop/imported-average.js';
import type { ImportedAverage, ImportOptions } from './interop/imported-average.js';
import type { Optimizer, ParamGroup } from './optimizer.js';
import { modeOf, plan } from './plan.js';
import type { Mode } from './plan.js';
import type { StateTree } from './state-tree.js';
import { averageAt, checkGroupCount, Group } from './swa-group.js';
import type { GroupContext, SWAParamGroup } from './swa-group.js';
import { averagesOf, warnerOf } from './swa-options.js';
import type { SWAOptions } from './swa-options.js';
import { restoreState, stateOf } from './swa-state.js';
import type { SWAState } from './swa-state.js';
import type { UpdateReport } from './update-report.js';

/**
 * Stochastic weight averaging: keeps a running average of the weights that an optimizer visits, and puts it into the
 * model on request.
 *
 * In automatic mode (`swaStart` and `swaFreq` given) `step` takes the averages: after each step of a group whose number is
 * greater than `swaStart` and a multiple of `swaFreq`, `average += (weights - average) / (nAvg + 1)`. In manual mode
 * `updateSwa` does, when called.
 *
 * All methods but `resetLr` return promises, one call at a time. A call that is refused leaves everything as it was. Where the
 * device itself fails in the update of a later group, the earlier groups have been averaged and counted.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { observedOptimizer, SWA } from '@polyak/core';
 *
 * const weights = new Float32Array([0, 0]);
 * const weight = parameter('weight', { dtype: 'float32', shape: [2], data: weights });
 * const swa = new SWA(observedOptimizer([{ params: [weight], lr: 0.1 }]), { backend: cpuBackend() });
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
  /** See {@link bnUpdate}. */
  static readonly bnUpdate: typeof bnUpdate = bnUpdate;

  /** The base optimizer. */
  readonly optimizer: Optimizer<T>;
  /** Automatic or manual, with the numbers in force. */
  readonly mode: Mode;
  readonly #context: GroupContext<T>;
  readonly #groups: Group<T>[] = [];
  readonly #warn: (message: string) => void;
  readonly #onUpdate: ((report: UpdateReport) => void) | undefined;
  readonly #guard = new Guard();

  /**
   * @param optimizer - the optimizer whose weights are averaged
   * @param options - see {@link SWAOptions}
   * @throws TypeError, RangeError where an option is out of its range
   * @throws PolyakError `ERR_PARAMETERS` where two parameters share a name
   * @throws PolyakError `ERR_UNSUPPORTED` where the backend cannot hold a parameter, or compensate when asked to
   */
  constructor(optimizer: Optimizer<T>, options: SWAOptions<T>) {
    const { backend } = options;
    this.optimizer = optimizer;
    this.#warn = warnerOf(options);
    this.#onUpdate = options.onUpdate;
    this.mode = modeOf(options, this.#warn);
    this.#context = { optimizer, backend, averages: averagesOf(options, this.#warn) };
    for (const { params } of optimizer.paramGroups) {
      this.#groups.push(new Group(this.#context, params, this.#groups));
    }
  }

  /** The optimizer's parameter groups, each with `nAvg` and `stepCounter`. */
  get paramGroups(): readonly SWAParamGroup<T>[] {
    return this.#groups;
  }

  /** Whether the model holds the averages now. */
  get isSwapped(): boolean {
    return this.#guard.status.kind === 'swapped';
  }

  /**
   * One optimization step: sets the learning rate of groups past `swaStart` to `swaLr`, steps the base optimizer, and in
   * automatic mode averages the groups that are due. Where it fails, the learning rates are put back too.
   *
   * @param closure - passed to the base optimizer: computes the loss
   * @returns what the base optimizer returned, the loss as a rule
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`; `ERR_NON_FINITE` where a weight to be averaged is not
   *   finite: nothing was averaged or counted then, but the base optimizer has made its step
   */
  async step<Loss>(closure?: () => Awaitable<Loss>): Promise<Loss | undefined> {
    return this.#guard.aloneAndLive('step', async () => {
      const rates = this.#groups.map((group) => group.lr);
      let loss: Loss | undefined;
      let reports: readonly (() => Promise<UpdateReport>)[];
      try {
        this.resetLr();
        loss = await this.optimizer.step(closure);
        const due = this.#groups.filter(({ stepCounter }) => plan(this.mode, stepCounter).average);
        reports = await this.#update('step', due);
        for (const group of this.#groups) group.stepCounter += 1;
      } catch (error) {
        this.#groups.forEach((group, index) => {
          group.lr = rates[index] ?? group.lr;
        });
        throw error;
      }
      await this.#tell(reports);
      return loss;
    });
  }

  /**
   * Sets the learning rate of the groups past `swaStart` to `swaLr`, as `step` does before the base optimizer's step.
   * For loops that own the step: see {@link observedOptimizer}.
   */
  resetLr(): void {
    for (const group of this.#groups) {
      const { lr } = plan(this.mode, group.stepCounter);
      if (lr !== undefined) group.lr = lr;
    }
  }

  /**
   * Averages the weights of all groups now. All are checked before the first is averaged.
   *
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_NON_FINITE`
   */
  async updateSwa(): Promise<void> {
    return this.#guard.aloneAndLive('updateSwa', async () =>
      this.#tell(await this.#update('updateSwa', this.#groups)),
    );
  }

  /**
   * Averages the weights of one group now.
   *
   * @param group - one of {@link SWA.paramGroups}
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_NON_FINITE`
   */
  async updateSwaGroup(group: SWAParamGroup<T>): Promise<void> {
    const own = this.#groups.find((candidate) => candidate === group);
    if (own === undefined) {
      throw new TypeError('updateSwaGroup: the group is not one of swa.paramGroups.');
    }
    return this.#guard.aloneAndLive('updateSwaGroup', async () =>
      this.#tell(await this.#update('updateSwaGroup', [own])),
    );
  }

  /**
   * Exchanges the averages and the live weights, bit for bit: once to evaluate or save the averages, once more to go on
   * training. A parameter that was never averaged stays, with a warning.
   *
   *
   * Running batch-norm statistics are not exchanged: {@link bnUpdate} estimates them for the averages, and
   * {@link SWA.withAveraged} puts the old ones back as well.
   *
   * @param average - one of several, by its name; the first unless given. Left out, the second call swaps back the same one
   * @throws PolyakError `ERR_NO_AVERAGES` before the first update, and where there is no average of that name
   * @throws PolyakError `ERR_SWAPPED` inside `withAveraged`, which swaps back itself, and for another average than the one
   *   that is in the model
   * @throws PolyakError `ERR_BUSY`, `ERR_PARAMETERS`
   */
  async swapSwaSgd(average?: string): Promise<void> {
    const { status } = this.#guard;
    const index = this.#indexOf('swapSwaSgd', average);
    const isBack = average === undefined || (status.kind === 'swapped' && status.index === index);
    if (status.kind === 'swapped' && status.by === 'swapSwaSgd' && isBack)
      return this.#swapOut('swapSwaSgd');
    return this.#swapIn('swapSwaSgd', index);
  }

  /**
   * Runs `fn` with the averages in the model, and puts the live weights back whatever happens. What `fn` writes into the
   * weights is written into the averages, but not where they are in half precision, whose averages are float32. With `batchNorm`, batch norm
   * is updated for the averages first, and the live model's statistics are put back afterwards.
   *
   * @param fn - evaluates or saves the model
   * @param batchNorm - the model's batch norm, training batches, and the options of {@link bnUpdate}
   * @param average - one of several, by its name; the first unless given
   * @returns what `fn` returned
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_NO_AVERAGES`, `ERR_PARAMETERS`, and whatever `fn` or
   *   {@link bnUpdate} throws
   */
  async withAveraged<R, Batch>(
    fn: () => Awaitable<R>,
    batchNorm?: AveragedBatchNorm<Batch>,
    average?: string,
  ): Promise<R> {
    await this.#swapIn('withAveraged', this.#indexOf('withAveraged', average));
    let result: R;
    try {
      result = await (batchNorm === undefined ? fn() : withUpdatedStatistics(batchNorm, fn));
    } catch (error) {
      const [swappedOut] = await Promise.allSettled([this.#swapOut('withAveraged')]);
      if (swappedOut.status === 'fulfilled') throw error;
      throw new AggregateError(
        [error, swappedOut.reason],
        'withAveraged: the function failed, and then the live weights could not be put back. swapSwaSgd tries again.',
        { cause: error },
      );
    }
    await this.#swapOut('withAveraged');
    return result;
  }

  /**
   * Adds a parameter group, also in the middle of a run. Its counters begin at 0, so in automatic mode it waits for
   * `swaStart` steps of its own.
   *
   * @param group - its parameters and learning rate
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`, `ERR_PARAMETERS`, `ERR_UNSUPPORTED`
   */
  async addParamGroup(group: ParamGroup<T>): Promise<void> {
    return this.#guard.aloneAndLive('addParamGroup', async () => {
      const added = new Group(this.#context, group.params, this.#groups);
      await this.optimizer.addParamGroup(group);
      this.#groups.push(added);
    });
  }

  /**
   * The state of this SWA and of its optimizer, as plain data: `toSafetensors` turns it into bytes. A run that goes on
   * from it, with the same weights, goes on bit for bit. The live weights are the model's to save.
   *
   * @returns copies, which later updates do not change
   * @throws PolyakError `ERR_SWAPPED`, `ERR_BUSY`
   */
  async stateDict(): Promise<SWAState> {
    return this.#guard.aloneAndLive('stateDict', async () => stateOf(this.#context, this.#groups));
  }

  /**
   * Goes on from a state: averages, counters, and the base optimizer's state. Everything is checked and uploaded before
   * anything is replaced.
   *
   * @param state - from {@link SWA.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` where it does not fit, with every difference
   * @throws PolyakError `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_BUSY`, and whatever the base optimizer throws
   */
  async loadStateDict(state: StateTree): Promise<void> {
    return this.#guard.aloneAndLive('loadStateDict', async () =>
      restoreState(this.#context, this.#groups, state),
    );
  }

  /**
   * Goes on from an average that another library made, under the rule of this SWA. The optimizer's state stays.
   *
   * @param imported - such as `fromAveragedModel` gives
   * @param options - see {@link ImportOptions}
   * @throws PolyakError `ERR_STATE` where it does not fit, with every difference; `ERR_NON_FINITE`, `ERR_SWAPPED`, `ERR_BUSY`
   */
  async importAverage(imported: ImportedAverage, options: ImportOptions = {}): Promise<void> {
    return this.#guard.aloneAndLive('importAverage', async () => {
      const state = await stateOf(this.#context, this.#groups);
      const tied = this.#groups.flatMap((group) =>
        group.tied.map(({ parameter, to }) => [parameter.name, to.name] as const),
      );
      const changed = withImported(state, this.#context.averages, new Map(tied), imported, options);
      await restoreState(this.#context, this.#groups, changed);
    });
  }

  /**
   * Frees the averages. The model and the optimizer go on without them; later calls for averages are refused.
   *
   * @throws PolyakError `ERR_SWAPPED` while the averages are in the model, `ERR_BUSY`
   */
  async dispose(): Promise<void> {
    return this.#guard.aloneAndLive('dispose', async () => {
      for (const average of this.#groups.flatMap(({ averages }) => averages))
        await average.dispose();
      this.#guard.status = { kind: 'disposed' };
    });
  }

  /** Averages, and returns what makes the reports: once the counters have moved. */
  async #update(
    call: string,
    groups: readonly Group<T>[],
  ): Promise<readonly (() => Promise<UpdateReport>)[]> {
    checkGroupCount(call, this.optimizer, this.#groups);
    const checked = [];
    for (const group of groups) {
      group.checkParameters(call);
      const weighed = group.averages.map((average) => ({ average, weight: average.nextWeight() }));
      checked.push({ group, weighed, live: await group.list.checkedLive(call) });
    }
    const reports: (() => Promise<UpdateReport>)[] = [];
    for (const { group, weighed, live } of this.#onUpdate === undefined ? [] : checked) {
      for (const [index, { weight }] of weighed.entries()) {
        const reporter = group.reporterOf(index);
        const before = await reporter.before(live);
        reports.push(async () => reporter.after(before, weight));
      }
    }
    for (const { weighed, live } of checked) {
      for (const { average, weight } of weighed) await average.update(live, weight);
    }
    return reports;
  }

  /** The update is made and counted: what fails here must not look as if it were not. */
  async #tell(reports: readonly (() => Promise<UpdateReport>)[]): Promise<void> {
    for (const report of reports) {
      try {
        this.#onUpdate?.(await report());
      } catch (error) {
        this.#warn(`SWA: onUpdate failed, after the update: ${String(error)}`);
      }
    }
  }

  #indexOf(call: string, name: string | undefined): number {
    const names = this.#context.averages.map((average) => average.name);
    const index = name === undefined ? 0 : names.indexOf(name);
    if (index >= 0) return index;
    throw new PolyakError(
      'ERR_NO_AVERAGES',
      `${call}: there is no average "${name}". There is ${names.join(', ')}.`,
    );
  }

  async #swapIn(by: 'swapSwaSgd' | 'withAveraged', index: number): Promise<void> {
    return this.#guard.aloneAndLive(by, async () => {
      if (this.#groups.every((group) => averageAt(group, index).nAvg === 0)) {
        throw new PolyakError(
          'ERR_NO_AVERAGES',
          `${by}: nothing has been averaged yet. Call updateSwa first.`,
        );
      }
      this.#warnOfSkipped(by, index);
      await exchange(by, this.#context.backend, this.#groups, index);
      this.#guard.status = { kind: 'swapped', by, index };
    });
  }

  async #swapOut(call: string): Promise<void> {
    return this.#guard.alone(call, async () => {
      const { status } = this.#guard;
      if (status.kind !== 'swapped') return;
      try {
        await exchange(call, this.#context.backend, this.#groups, status.index);
      } catch (error) {
        // Whoever swapped in: from here on swapSwaSgd is the way back.
        this.#guard.status = { ...status, by: 'swapSwaSgd' };
        throw error;
      }
      this.#guard.status = { kind: 'live' };
    });
  }

  #warnOfSkipped(call: string, index: number): void {
    const skipped = this.#groups.filter((group) => averageAt(group, index).nAvg === 0);
    for (const name of skipped.flatMap(({ list }) => list.names)) {
      this.#warn(`${call}: "${name}" was never averaged, skipping it.`);
    }
  }
}
