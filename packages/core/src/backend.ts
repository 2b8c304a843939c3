// The abstract tensor interface: all that averaging asks of a runtime.
import type { Awaitable } from './awaitable.js';
import type { Parameter } from './parameter.js';
import type { DType, HostTensor, TensorSpec } from './tensor/tensor.js';

/** One average that an update moves: `average += weight * (live - average)`. */
export interface AverageItem<T> {
  /** The average. Consumed where the update is made. */
  readonly average: T;
  /**
   * The rounding error that the average carries, of the average's spec: the accumulated value is
   * `average + residual` (Kahan 1965, Neumaier 1974). Absent where the average is not compensated.
   * Consumed where the update is made.
   */
  readonly residual?: T;
  /** The live tensor; only read. Several items may share one. */
  readonly live: T;
  /** What `live` weighs in the new average, in [0, 1], as float64. */
  readonly weight: number;
}

/** One average after an update. */
export interface AveragedItem<T> {
  /** The new average. The caller disposes of it. */
  readonly average: T;
  /** The new residual, where the item had one. The caller disposes of it. */
  readonly residual?: T;
  /** Whether every element of the new average is finite; false where one of `live` was not. */
  readonly isFinite: boolean;
  /** Whether `live` differed from the old average in at least one element. */
  readonly hasMoved: boolean;
}

/** What {@link Backend.average} did: all of the update, or none of it. */
export type AverageResult<T> =
  | {
      /** The update is made. */
      readonly kind: 'averaged';
      /** One for each item, in that order. */
      readonly items: readonly AveragedItem<T>[];
    }
  | {
      /** Nothing has changed. */
      readonly kind: 'refused';
      /** The indices of the items whose new average would not be finite, ascending. */
      readonly nonFinite: readonly number[];
    };

/** Options of {@link Backend.average}. */
export interface AverageOptions {
  /** Makes the update whether or not its results are finite. Default false. */
  readonly allowNonFinite?: boolean;
}

/**
 * A tensor runtime, as a plain object of functions. `T` is the runtime's own tensor. All methods
 * take lists, so that one call covers a whole update. Core validates before it calls (lists of
 * equal length, equal specs, a declared dtype, a weight in [0, 1]); backends need not check again.
 * Where a method throws, nothing has changed: no tensor is consumed, none is left behind.
 * `download`, `clone`, `cast`, `allFinite`, `average` and `swap` throw for a disposed tensor.
 */
export interface Backend<T> {
  /** The version of this interface. */
  readonly specVersion: 1;
  /** What really runs, such as `cpu:wasm` or `tfjs:tensorflow`. */
  readonly name: string;
  /** The dtypes of this runtime's tensors. The floating ones are averaged, the others copied. */
  readonly dtypes: readonly DType[];
  /** Whether no method returns a promise, so that callers that cannot wait can use it. */
  readonly isSynchronous: boolean;
  /** Whether {@link Backend.average} takes items with a residual. */
  readonly canCompensate: boolean;

  /** Dtype and shape, without reading the device. */
  spec(tensor: T): TensorSpec;

  /** New tensors that hold a copy of `tensors`. The caller disposes of them. */
  upload(tensors: readonly HostTensor[]): Awaitable<readonly T[]>;

  /** Copies in host memory, which later updates do not change. */
  download(tensors: readonly T[]): Awaitable<readonly HostTensor[]>;

  /**
   * New tensors with the same elements, bit for bit, which later changes of `tensors` do not reach.
   */
  clone(tensors: readonly T[]): Awaitable<readonly T[]>;

  /**
   * New tensors with the same values, each in the dtype at its place of `dtypes`, rounded to
   * nearest, ties to even. Required where {@link Backend.dtypes} has `float16` or `bfloat16`,
   * optional otherwise: averages of such tensors are float32, and a swap shows the model a rounded
   * copy.
   */
  cast?(tensors: readonly T[], dtypes: readonly DType[]): Awaitable<readonly T[]>;

  /**
   * For each tensor, whether all its elements are finite. True for an empty one and for integers.
   */
  allFinite(tensors: readonly T[]): Awaitable<readonly boolean[]>;

  /**
   * The one consuming call of an update: `average + weight * (live - average)` of every item, in
   * the precision of the average (a float32 kernel rounds `weight` to float32 first). The averages
   * and residuals are distinct tensors; live tensors may occur more than once.
   *
   * Finite values have finite results: an element for which that form is not finite becomes
   * `(1 - weight) * (average + residual) + weight * live`, and its residual 0.
   *
   * An average has the spec of its live tensor, but the dtype float32 where that is half precision.
   *
   * Either the update is made: the averages and residuals of `items` are consumed, and the results
   * are in new handles or the same ones. Or it is refused, because a new average would not be
   * finite: then nothing has changed. Or the call throws: then nothing has changed either.
   */
  average(items: readonly AverageItem<T>[], options?: AverageOptions): Awaitable<AverageResult<T>>;

  /**
   * Gives each parameter the contents of the tensor at its place, bit for bit, by reference where
   * the runtime can, through {@link Parameter.set}. `tensors` stay what they are and the caller's.
   *
   * @returns new tensors with what the parameters held before, in the same order; the caller
   *   disposes of them. Where it throws, every parameter holds what it held.
   */
  swap(parameters: readonly Parameter<T>[], tensors: readonly T[]): Awaitable<readonly T[]>;

  /** Frees tensors that this backend made. */
  dispose(tensors: readonly T[]): Awaitable<void>;
}
