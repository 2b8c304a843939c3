// What the backend asks of a tfjs backend, in two ways: host-storage.ts for cpu, device-storage.ts
// for all others.
import type { CompensatedAverages, HostTensor } from '@polyak/core';
import type { Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';

/**
 * The tensors that averages live in, and the arithmetic on them. All tensors that it makes are
 * untrainable variables.
 */
export interface Storage {
  /** A variable with a copy of `tensor`. */
  readonly hold: (tensor: HostTensor) => Variable;
  /** A variable with the elements of `tensor`, which later changes of it do not reach. */
  readonly clone: (tensor: Tensor) => Variable;
  /** A copy of the elements as they are at the time of the call. */
  readonly read: (tensor: Tensor) => Promise<TypedArray>;
  /** For each float32 tensor that is not empty, whether all its elements are finite. */
  readonly allFinite: (tensors: readonly Tensor[]) => Promise<readonly boolean[]>;
  /** Moves the averages, all or none. */
  readonly average: (
    averages: readonly Variable[],
    live: readonly Tensor[],
    weight: number,
  ) => void;
  /**
   * Moves the pairs, all or none. Absent where the runtime is not known to round each operation.
   */
  readonly averageCompensated?: (
    pairs: CompensatedAverages<Variable>,
    live: readonly Tensor[],
    weight: number,
  ) => void;
  /** Told of tensors whose contents a model is about to share. */
  readonly share: (tensors: readonly Tensor[]) => void;
}
