// One parameter group of the base optimizer, with the counters and the running average that SWA adds to it.
import type { Backend, Parameter } from './backend.js';
import { PolyakError } from './error.js';
import type { Optimizer, ParamGroup } from './optimizer.js';
import type { AveragingRule } from './rule.js';
import { RunningAverage } from './running-average.js';

/** A parameter group of the optimizer with its own counters. */
export interface SWAParamGroup<T> extends ParamGroup<T> {
  /** The updates of this group's average so far. */
  readonly nAvg: number;
  /** The steps of this group so far. */
  readonly stepCounter: number;
}

/** What all groups of one SWA share. */
export interface GroupContext<T> {
  readonly optimizer: Optimizer<T>;
  readonly backend: Backend<T>;
  readonly rule: AveragingRule;
  readonly isCompensated: boolean;
}

export class Group<T> implements SWAParamGroup<T> {
  readonly #optimizer: Optimizer<T>;
  readonly #index: number;
  readonly #names: readonly string[];
  readonly average: RunningAverage<T>;
  stepCounter = 0;

  /**
   * @param context - shared by all groups
   * @param params - what `optimizer.paramGroups[earlier.length].params` holds, or will hold
   * @param earlier - the groups before this one; a tensor that one of them averages is not averaged again
   */
  constructor(context: GroupContext<T>, params: readonly Parameter<T>[], earlier: readonly Group<T>[]) {
    const { optimizer, backend, rule, isCompensated } = context;
    this.#optimizer = optimizer;
    this.#index = earlier.length;
    this.#names = params.map(({ name }) => name);
    const known = earlier.flatMap((group) => group.average.parameters.map(({ parameter }) => parameter));
    this.average = new RunningAverage(backend, rule, untied(known, params), isCompensated);
  }

  // Always read from the optimizer, which may replace its groups when it loads a state.
  get #base(): ParamGroup<T> {
    const group = this.#optimizer.paramGroups[this.#index];
    if (group === undefined) {
      throw new PolyakError('ERR_PARAMETERS', `The optimizer has lost its parameter group ${this.#index}.`);
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
    return this.average.nAvg;
  }

  /** Refuses a group whose parameters are not those it was made with. */
  checkNames(call: string): void {
    const { params } = this;
    const changed = params.length !== this.#names.length;
    if (changed || params.some(({ name }, index) => name !== this.#names[index])) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: group ${this.#index} holds ${list(params.map(({ name }) => name))}, ` +
          `its average was made for ${list(this.#names)}. Add new parameters with addParamGroup.`,
      );
    }
  }
}

/** Refuses groups that came to the optimizer behind the back of SWA. */
export function checkGroupCount<T>(call: string, optimizer: Optimizer<T>, groups: readonly Group<T>[]): void {
  const { length } = optimizer.paramGroups;
  if (length === groups.length) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `${call}: the optimizer has ${length} parameter groups, SWA ${groups.length}. Add groups with swa.addParamGroup.`,
  );
}

/** `params` without those whose tensor is already in `known` or earlier in the list, so that each is averaged once. */
function untied<T>(known: readonly Parameter<T>[], params: readonly Parameter<T>[]): readonly Parameter<T>[] {
  const tensors = new Set(known.map((parameter) => parameter.get()));
  const names = new Set(known.map(({ name }) => name));
  return params.filter((parameter) => {
    const tensor = parameter.get();
    if (tensors.has(tensor)) return false;
    if (names.has(parameter.name)) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `Two parameters are named "${parameter.name}". Names key the averages: give each its own.`,
      );
    }
    tensors.add(tensor);
    names.add(parameter.name);
    return true;
  });
}

function list(names: readonly string[]): string {
  return `[${names.join(', ')}]`;
}
