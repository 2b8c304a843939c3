// The interface of storages of averages. host-storage.ts implements it for tfjs's cpu backend,
// wasm-storage.ts for wasm, device-storage.ts for all others.
import type { AverageItem, AverageResult, Awaitable, HostTensor } from '@polyak/core/interfaces';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';

/** One average to be moved, in variables that the storage made. */
export interface VariableItem extends AverageItem<Tensor> {
  readonly average: Variable;
  readonly residual?: Variable;
}

/**
 * The tensors that averages live in, and the arithmetic on them. All tensors that it makes are
 * untrainable variables.
 */
export interface Storage {
  /** A variable with a copy of `tensor`. */
  readonly hold: (tensor: HostTensor) => Variable;
  /** A variable with the elements of `tensor`, which later changes of it do not reach. */
  readonly clone: (tensor: Tensor) => Variable;
  /** For each float32 tensor that is not empty, whether all its elements are finite. */
  readonly allFinite: (tensors: readonly Tensor[]) => Awaitable<readonly boolean[]>;
  /** Moves the averages, all or none: the results are in the variables of `items`. */
  readonly average: (
    items: readonly VariableItem[],
    allowNonFinite: boolean,
  ) => Awaitable<AverageResult<Tensor>>;
  /** Told of tensors whose contents a model is about to share. */
  readonly share: (tensors: readonly Tensor[]) => void;
}
