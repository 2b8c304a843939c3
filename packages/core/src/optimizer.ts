// The small part of an optimizer that weight averaging sees.
import type { Awaitable, Parameter } from './backend.js';
import type { StateTree } from './state-tree.js';

/** Parameters that share a learning rate. */
export interface ParamGroup<T> {
  readonly params: readonly Parameter<T>[];
  /** The learning rate of the next step. Assigning it must reach the optimizer. */
  lr: number;
}

/** An optimizer, as far as {@link SWA} drives it. */
export interface Optimizer<T> {
  readonly paramGroups: readonly ParamGroup<T>[];
  /** One optimization step; returns what `closure` returned. */
  step<Loss>(closure?: () => Awaitable<Loss>): Awaitable<Loss | undefined>;
  addParamGroup(group: ParamGroup<T>): Awaitable<void>;
  /** Everything that the next steps depend on, learning rates included: see {@link StateTree}. */
  stateDict(): Awaitable<StateTree>;
  loadStateDict(state: StateTree): Awaitable<void>;
}
