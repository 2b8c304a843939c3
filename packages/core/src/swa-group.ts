// One parameter group of the base optimizer, with the counters and the running average that SWA adds to it.
import type { Backend, Parameter } from './backend.js';
import { PolyakError } from './error.js';
import type { Optimizer, ParamGroup } from './optimizer.js';
import { ParameterList } from './parameter-list.js';
import { RunningAverage } from './running-average.js';
import type { NamedRule } from './swa-options.js';
import { UpdateReporter } from './update-report.js';

/** A parameter group of the optimizer with its own counters. */
export interface SWAParamGroup<T> extends ParamGroup<T> {
  /** The updates of this group's average so far; of the first, where there are several. */
  readonly nAvg: number;
  /** The steps of this group so far. */
  readonly stepCounter: number;
}

/** What all groups of one SWA share. */
export interface GroupContext<T> {
  readonly optimizer: Optimizer<T>;
  readonly backend: Backend<T>;
  readonly averages: readonly NamedRule[];
}

export class Group<T> implements SWAParamGroup<T> {
  readonly #optimizer: Optimizer<T>;
  readonly #index: number;
  readonly #names: readonly string[];
  /** The parameters that are averaged. */
  readonly list: ParameterList<T>;
  /** In the order of the context's. */
  readonly averages: readonly RunningAverage<T>[];
  /** Parameters whose tensor an earlier one averages. */
  readonly tied: readonly TiedParameter<T>[];
  readonly #identity: (tensor: T) => unknown;
  readonly #reporters: readonly UpdateReporter<T>[];
  stepCounter = 0;

  /**
   * @param context - shared by all groups
   * @param params - what `optimizer.paramGroups[earlier.length].params` holds, or will hold
   * @param earlier - the groups before this one; a tensor that one of them averages is not averaged again
   */
  constructor(
    context: GroupContext<T>,
    params: readonly Parameter<T>[],
    earlier: readonly Group<T>[],
  ) {
    const { optimizer, backend, averages } = context;
    this.#optimizer = optimizer;
    this.#index = earlier.length;
    this.#names = params.map(({ name }) => name);
    this.#identity = (tensor) => backend.identity?.(tensor) ?? tensor;
    const known = earlier.flatMap((group) =>
      group.list.parameters.map(({ parameter }) => parameter),
    );
    const { parameters, tied } = separated(known, params, this.#identity);
    this.list = new ParameterList(backend, parameters);
    this.averages = averages.map((average) => new RunningAverage(backend, this.list, average));
    this.#reporters = averages.map(
      ({ name }, index) =>
        new UpdateReporter(backend, averageAt(this, index), { average: name, group: this.#index }),
    );
    this.tied = tied;
  }

  // Always read from the optimizer, which may replace its groups when it loads a state.
  get #base(): ParamGroup<T> {
    const group = this.#optimizer.paramGroups[this.#index];
    if (group === undefined) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `The optimizer has lost its parameter group ${this.#index}.`,
      );
    }
    return group;
  }

  get params(): readonly Parameter<T>[] {
    return this.#base.params;
  }

  get lr(): number {
    return this.#base.lr;
  }

  set lr(lr: number) {
    this.#base.lr = lr;
  }

  get nAvg(): number {
    return this.averages[0]?.nAvg ?? 0;
  }

  /** What reports the updates of the average at `index`. */
  reporterOf(index: number): UpdateReporter<T> {
    return this.#reporters[index] as UpdateReporter<T>;
  }

  /** Refuses a group whose parameters are not those it was made with: other names, or other tensors under them. */
  checkParameters(call: string): void {
    const { params } = this;
    const changed = params.length !== this.#names.length;
    if (changed || params.some(({ name }, index) => name !== this.#names[index])) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: group ${this.#index} holds ${list(params.map(({ name }) => name))}, ` +
          `its average was made for ${list(this.#names)}. Add new parameters with addParamGroup.`,
      );
    }
    const current = new Map(params.map((parameter) => [parameter.name, parameter]));
    for (const { parameter } of [...this.list.parameters, ...this.tied]) {
      const now = current.get(parameter.name) ?? parameter;
      if (now !== parameter && this.#identity(now.get()) !== this.#identity(parameter.get())) {
        throw new PolyakError(
          'ERR_PARAMETERS',
          `${call}: "${parameter.name}" is another tensor than the one that is averaged. Make a new SWA for a new model.`,
        );
      }
    }
  }
}

/** A parameter, and the one with the same tensor that is averaged in its place. */
export interface TiedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly to: Parameter<T>;
}

/** The average of `group` at `index` of the context's. */
export function averageAt<T>({ averages }: Group<T>, index: number): RunningAverage<T> {
  const average = averages[index];
  if (average === undefined) throw new RangeError(`There is no average ${index}.`);
  return average;
}

/** Refuses groups that came to the optimizer behind the back of SWA. */
export function checkGroupCount<T>(
  call: string,
  optimizer: Optimizer<T>,
  groups: readonly Group<T>[],
): void {
  const { length } = optimizer.paramGroups;
  if (length === groups.length) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `${call}: the optimizer has ${length} parameter groups, SWA ${groups.length}. Add groups with swa.addParamGroup.`,
  );
}

/** `params` apart from those whose tensor is in `known` or earlier in the list, so that each tensor is averaged once. */
function separated<T>(
  known: readonly Parameter<T>[],
  params: readonly Parameter<T>[],
  identity: (tensor: T) => unknown,
): { readonly parameters: readonly Parameter<T>[]; readonly tied: readonly TiedParameter<T>[] } {
  const owners = new Map(known.map((parameter) => [identity(parameter.get()), parameter]));
  const names = new Set(known.map(({ name }) => name));
  const parameters: Parameter<T>[] = [];
  const tied: TiedParameter<T>[] = [];
  for (const parameter of params) {
    const key = identity(parameter.get());
    const to = owners.get(key);
    if (to !== undefined) {
      tied.push({ parameter, to });
      continue;
    }
    if (names.has(parameter.name)) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `Two parameters are named "${parameter.name}". Names key the averages: give each its own.`,
      );
    }
    owners.set(key, parameter);
    names.add(parameter.name);
    parameters.push(parameter);
  }
  return { parameters, tied };
}

function list(names: readonly string[]): string {
  return `[${names.join(', ')}]`;
}
