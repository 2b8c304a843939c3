// The part of an optimizer that weight averaging uses.
import type { Awaitable } from './awaitable.js';
import type { Parameter } from './parameter.js';
import type { StateTree } from './state/state-tree.js';

/** Parameters that share a learning rate. */
export interface ParamGroup<T> {
  /** The parameters, in a fixed order. */
  readonly params: readonly Parameter<T>[];
  /** The learning rate of the next step. Assigning it must reach the optimizer. */
  lr: number;
}

/** An optimizer that `SWA` can drive. */
export interface Optimizer<T> {
  /** The parameter groups, in a fixed order. */
  readonly paramGroups: readonly ParamGroup<T>[];
  /** Makes one optimization step and returns what `closure` returned. */
  step<Loss>(closure?: () => Awaitable<Loss>): Awaitable<Loss | undefined>;
  /** Appends a parameter group. */
  addParamGroup(group: ParamGroup<T>): Awaitable<void>;
  /**
   * Copies everything that later steps depend on, including learning rates; see {@link StateTree}.
   */
  stateDict(): Awaitable<StateTree>;
  /** Restores a state from `stateDict`. A call that throws changes nothing. */
  loadStateDict(state: StateTree): Awaitable<void>;
}
