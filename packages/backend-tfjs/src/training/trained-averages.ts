// The averages of a swaOptimizer: SWA's state machine over variables that are learned from
// gradients.
import { observedOptimizer, PolyakError } from '@polyak/core';
import type { ModeOptions, SwapOptions } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { driveSync, ending, SWAMachine, toggle } from '@polyak/core/machine';
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs-core';
import type { TfjsBackend } from '../averaging/backend.js';
import { variableParameter } from '../model/model-parameters.js';
import { boundGroups } from './bound-groups.js';
import { rateGroup } from './learning-rate.js';
import type { NamedTensor } from './optimizer-weights.js';
import type { AveragingByOptimizer } from './options.js';
import { countsOf, groupsIn, groupsOf, namedTensors, tensorsOf } from './saved-averages.js';
import type { SavedGroup } from './saved-averages.js';

type Averages = SWAMachine<Tensor>['averages'];

/** Loaded averages whose variables are not known yet. */
interface Loaded {
  readonly stepCounter: number;
  readonly groups: readonly SavedGroup[];
}

const NOTHING_LOADED: Loaded = { stepCounter: 0, groups: [] };

/**
 * Averages what an optimizer trains. Variables that begin together are one parameter group; a group
 * that joins later has the steps of the others, so that all are averaged at the same ones.
 */
export class TrainedAverages {
  readonly #base: Optimizer;
  readonly #backend: TfjsBackend;
  /** With the numbers in force, which need no second warning after a load. */
  readonly options: AveragingByOptimizer;
  #machine: SWAMachine<Tensor>;
  #known = new Set<Variable>();
  #loaded = NOTHING_LOADED;

  /** @throws RangeError without `swaStart` and `swaFreq` */
  constructor(base: Optimizer, backend: TfjsBackend, options: AveragingByOptimizer) {
    this.#base = base;
    this.#backend = backend;
    this.#machine = this.#newMachine(options);
    const { mode } = this.#machine;
    if (mode.kind === 'manual') {
      const { swaStart, swaFreq } = options;
      throw new RangeError(
        `swaOptimizer: swaStart is ${swaStart} and swaFreq ${swaFreq}, expected two integers. ` +
          'Pass both, such as { swaStart: 100, swaFreq: 5 }; they count steps.',
      );
    }
    const { kind: _, ...numbers } = mode;
    const { swaStart: _start, swaFreq: _freq, swaLr: _lr, ...rest } = options;
    this.options = { ...rest, ...(numbers satisfies ModeOptions) };
  }

  /** What is averaged by which rule. */
  get rules(): SWAMachine<Tensor>['averages']['terms']['rules'] {
    return this.#machine.averages.terms.rules;
  }

  get stepCounter(): number {
    return this.#machine.groups[0]?.stepCounter ?? this.#loaded.stepCounter;
  }

  get nAvg(): number {
    const loaded = this.#loaded.groups.map(({ running }) => running[0]?.nAvg ?? 0);
    return Math.max(0, ...this.#machine.groups.map(({ nAvg }) => nAvg), ...loaded);
  }

  get isSwapped(): boolean {
    return this.#machine.averages.shown !== undefined;
  }

  /** Throws while the model holds averages. */
  requireLive(call: string): void {
    if (!this.isSwapped) return;
    throw new PolyakError(
      'ERR_SWAPPED',
      `${call}: the model holds an average, expected the live weights. Call swapSwaSgd first.`,
    );
  }

  /** One step of `variables` by `apply`, averaged where it is due. */
  step(call: string, variables: readonly Variable[], apply: () => void): void {
    this.#learn(call, variables);
    const before = this.#updates;
    driveSync(call, this.#machine.step(call, apply));
    if (this.#updates === before) return;
    const groups = this.#loaded.groups.map((group) => ({ ...group, missed: group.missed + 1 }));
    this.#loaded = { ...this.#loaded, groups };
  }

  /** The updates of one group: all groups are averaged at the same steps. */
  get #updates(): number | undefined {
    return this.#machine.groups[0]?.nAvg;
  }

  /** Puts an average into the model, or the live weights back. */
  swap(parameters: readonly Parameter<Tensor>[] | undefined, options: SwapOptions): void {
    const call = 'swapSwaSgd';
    if (parameters !== undefined) this.#learnParameters(call, parameters);
    if (this.#loaded.groups.length > 0) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: the variables of the loaded averages are not known before the first step. ` +
          'Pass { parameters: modelParameters(model) }.',
      );
    }
    driveSync(call, toggle(this.#machine.averages, call, options));
  }

  /** The tensors themselves, by names, and the counters. */
  saved(prefix: string): { readonly tensors: readonly NamedTensor[]; readonly counts: number[] } {
    const averaged = this.#machine.groups.filter(({ nAvg }) => nAvg > 0);
    const groups = [
      ...averaged.map(({ averaged: { list, running } }) => ({
        names: list.names,
        running,
        missed: 0,
      })),
      ...this.#loaded.groups,
    ];
    return {
      tensors: namedTensors(prefix, groups, this.rules),
      counts: [this.stepCounter, ...countsOf(groups)],
    };
  }

  /**
   * Copies of averages that were saved.
   *
   * @throws PolyakError `ERR_STATE`, `ERR_NON_FINITE`
   */
  async read(
    prefix: string,
    tensors: readonly NamedTensor[],
    [stepCounter = 0, ...counts]: readonly number[],
  ): Promise<Loaded> {
    const saved = groupsIn(prefix, tensors, this.rules, counts);
    const copies = this.#backend.clone(tensorsOf(saved));
    const finite = await this.#backend.allFinite(copies);
    if (finite.every(Boolean)) return { stepCounter, groups: groupsOf(saved, copies) };
    this.#backend.dispose(copies);
    const bad = tensorsOf(saved)[finite.indexOf(false)];
    const name = tensors.find(({ tensor }) => tensor === bad)?.name;
    throw new PolyakError(
      'ERR_NON_FINITE',
      `swaOptimizer: the saved tensor "${name}" has NaN or infinite values, expected finite ` +
        'averages. Load a model that was saved earlier.',
    );
  }

  /** Goes on from what {@link TrainedAverages.read} gave; its variables are learned anew. */
  replace(call: string, loaded: Loaded): void {
    this.dispose(call);
    this.#machine = this.#newMachine(this.options);
    this.#known = new Set();
    this.#loaded = loaded;
  }

  /** Frees what {@link TrainedAverages.read} gave, where it is not needed. */
  free({ groups }: Loaded): void {
    this.#backend.dispose(tensorsOf(groups));
  }

  /** Frees the averages. */
  dispose(call: string): void {
    driveSync(call, ending(this.#machine.averages, {}));
    this.free(this.#loaded);
    this.#loaded = NOTHING_LOADED;
  }

  #learnParameters(call: string, parameters: readonly Parameter<Tensor>[]): void {
    const given = parameters.map((parameter) => parameter.get() as Variable);
    if (this.#loaded.groups.length > 0) this.#learn(call, given);
    const missing = [...this.#known].filter((variable) => !given.includes(variable));
    if (missing.length === 0) return;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: the parameters lack ${missing.map(({ name }) => `"${name}"`).join(', ')}, ` +
        'expected all that are averaged. Pass those of the model that is trained.',
    );
  }

  /** Adds variables that were not seen before, with their loaded averages where there are any. */
  #learn(call: string, variables: readonly Variable[]): void {
    const unknown = variables.filter((variable) => !this.#known.has(variable));
    if (unknown.length === 0) return;
    const { bound, rest } = boundGroups(call, this.#loaded.groups, unknown);
    for (const { group, variables: own } of bound) {
      this.#join(call, own, { running: group.running });
      const groups = this.#loaded.groups.filter((each) => each !== group);
      this.#loaded = { ...this.#loaded, groups };
      // Without a gradient they are what they were in the updates that they have missed.
      const joined = this.#machine.groups.slice(-1);
      for (let n = 0; n < group.missed; n += 1) {
        this.#run(call, (current) => this.#machine.update(current, joined));
      }
    }
    if (rest.length > 0) this.#join(call, rest);
  }

  #join(
    call: string,
    variables: readonly Variable[],
    loaded: { readonly running?: SavedGroup['running'] } = {},
  ): void {
    const params = variables.map((variable) => variableParameter(variable.name, variable));
    const group = rateGroup(
      () => this.#base,
      () => params,
    );
    const start = { stepCounter: this.stepCounter, ...loaded };
    this.#run(call, (current) => this.#machine.addParamGroup(current, group, start));
    for (const variable of variables) this.#known.add(variable);
  }

  #run(call: string, body: Parameters<Averages['alone']>[1]): void {
    driveSync(call, this.#machine.averages.alone(call, body));
  }

  #newMachine(options: AveragingByOptimizer): SWAMachine<Tensor> {
    return new SWAMachine(observedOptimizer<Tensor>([]), { ...options, backend: this.#backend });
  }
}
