// One parameter group of the base optimizer, with the counters that SWA adds to it.
import type { AveragedGroup, Averages } from '../averaging/averages.js';
import { PolyakError } from '../error.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import type { Parameter } from '../parameter.js';

/** A parameter group of the optimizer with its own counters. */
export interface SWAParamGroup<T> extends ParamGroup<T> {
  /** The updates of this group's average so far; of the first, where there are several. */
  readonly nAvg: number;
  /** The steps of this group so far. */
  readonly stepCounter: number;
}

export class Group<T> implements SWAParamGroup<T> {
  readonly #optimizer: Optimizer<T>;
  readonly #index: number;
  readonly averaged: AveragedGroup<T>;
  stepCounter = 0;

  /** @param params - what the next group of the optimizer holds, or will hold */
  constructor(averages: Averages<T>, optimizer: Optimizer<T>, params: readonly Parameter<T>[]) {
    this.#optimizer = optimizer;
    this.#index = averages.groups.length;
    let isAdded = false;
    // Asked for the group's own parameters until the optimizer has it.
    this.averaged = averages.groupOf(() => (isAdded ? this.params : params));
    isAdded = true;
  }

  // Always read from the optimizer, which may replace its groups when it loads a state.
  get #base(): ParamGroup<T> {
    const group = this.#optimizer.paramGroups[this.#index];
    if (group !== undefined) return group;
    throw new PolyakError(
      'ERR_PARAMETERS',
      `The optimizer has lost its parameter group ${this.#index}.`,
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
