// One parameter group of the base optimizer, with the counters that SWA adds to it.
import type { AveragedGroup, Averages } from '../averaging/averages.js';
import { PolyakError } from '../error.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import type { Parameter } from '../parameter.js';

/** A parameter group of the optimizer with its own counters. */
export interface SWAParamGroup<T> extends ParamGroup<T> {
  /** The number of updates of this group's average so far; of the first if there are several. */
  readonly nAvg: number;
  /** The number of steps of this group so far. */
  readonly stepCounter: number;
}

export class Group<T> implements SWAParamGroup<T> {
  readonly #optimizer: Optimizer<T>;
  readonly #index: number;
  readonly averaged: AveragedGroup<T>;
  stepCounter = 0;

  /** @param params - the parameters of the optimizer's next group, which it may not have yet */
  constructor(averages: Averages<T>, optimizer: Optimizer<T>, params: readonly Parameter<T>[]) {
    this.#optimizer = optimizer;
    this.#index = averages.groups.length;
    let isAdded = false;
    // `params` stand in for the group's own parameters until the optimizer has the group.
    this.averaged = averages.groupOf(() => (isAdded ? this.params : params));
    isAdded = true;
  }

  // Always read from the optimizer, which may replace its groups when it loads a state.
  get #base(): ParamGroup<T> {
    const group = this.#optimizer.paramGroups[this.#index];
    if (group !== undefined) return group;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `The optimizer no longer has parameter group ${this.#index}. Make a new SWA.`,
    );
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
    return this.averaged.running[0]?.nAvg ?? 0;
  }
}
