// The small part of an optimizer that weight averaging sees.
import type { Awaitable } from './awaitable.js';
import type { Parameter } from './parameter.js';
import type { StateTree } from './state/state-tree.js';

/** Parameters that share a learning rate. */
export interface ParamGroup<T> {
  /** The parameters, in an order that stays. */
  readonly params: readonly Parameter<T>[];
  /** The learning rate of the next step. Assigning it must reach the optimizer. */
  lr: number;
}

/** An optimizer, as far as `SWA` drives it. */
export interface Optimizer<T> {
  /** The parameter groups, in an order that stays. */
  readonly paramGroups: readonly ParamGroup<T>[];
  /** One optimization step; returns what `closure` returned. */
  step<Loss>(closure?: () => Awaitable<Loss>): Awaitable<Loss | undefined>;
  /** Adds a group behind the others. */
  addParamGroup(group: ParamGroup<T>): Awaitable<void>;
  /**
   * Copies of everything that the next steps depend on, learning rates included: see
   * {@link StateTree}.
   */
  stateDict(): Awaitable<StateTree>;
  /** Goes on from what `stateDict` gave, or throws and stays as it was. */
  loadStateDict(state: StateTree): Awaitable<void>;
}
