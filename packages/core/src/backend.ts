// The abstract tensor interface: what averaging needs from a runtime.
import type { Awaitable } from './awaitable.js';
import type { Parameter } from './parameter.js';
import type { DType, HostTensor, TensorSpec } from './tensor/tensor.js';

/** One average that an update moves: `average += weight * (live - average)`. */
export interface AverageItem<T> {
  /** The average. Consumed if the update is made. */
  readonly average: T;
  /**
   * The rounding error of the average, with the average's spec: the accumulated value is
   * `average + residual` (Kahan 1965, Neumaier 1974). Absent if the average is not compensated.
   * Consumed if the update is made.
   */
  readonly residual?: T;
  /** The live tensor, which is only read. Several items may share one. */
  readonly live: T;
  /** The weight of `live` in the new average, a float64 in [0, 1]. */
  readonly weight: number;
}

/** One average after an update. */
export interface AveragedItem<T> {
  /** The new average. The caller disposes of it. */
  readonly average: T;
  /** The new residual, if the item had one. The caller disposes of it. */
  readonly residual?: T;
  /** Whether every element of the new average is finite; false if an element of `live` is not. */
  readonly isFinite: boolean;
  /** Whether `live` differed from the old average in at least one element; 0 and -0 are equal. */
  readonly hasMoved: boolean;
}

/** The result of {@link Backend.average}: all of the update was made, or none of it. */
export type AverageResult<T> =
  | {
      /** The update is made. */
      readonly kind: 'averaged';
      /** One result for each item, in the same order. */
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
  /** Makes the update even if its results are not finite. Default false. */
  readonly allowNonFinite?: boolean;
}

/**
 * A tensor runtime, as a plain object of functions. `T` is the runtime's own tensor. All methods
 * take lists, so that one call covers a whole update. Core validates before it calls (lists of
 * equal length, equal specs, a declared dtype, a weight in [0, 1]); backends need not check again.
 * Where a method throws, nothing has changed: no tensor is consumed, none is left behind.
 * `download`, `clone`, `cast`, `allFinite`, `average` and `swap` throw for a disposed tensor.
 * Calls whose promises are pending overlap; none consumes a tensor that another was given.
 */
export interface Backend<T> {
  /** The version of this interface. */
  readonly specVersion: 1;
  /** The runtime and device in use, such as `cpu:wasm` or `tfjs:tensorflow`. */
  readonly name: string;
  /** The dtypes of this runtime's tensors. The floating ones are averaged, the others copied. */
  readonly dtypes: readonly DType[];
  /** Whether no method ever returns a promise. Callers that cannot wait require this. */
  readonly isSynchronous: boolean;
  /** Whether {@link Backend.average} takes items with a residual. */
  readonly canCompensate: boolean;

  /** The dtype and shape of a tensor, without reading the device. */
  spec(tensor: T): TensorSpec;

  /** New tensors with copies of `tensors`. The caller disposes of them. */
  upload(tensors: readonly HostTensor[]): Awaitable<readonly T[]>;

  /** Copies in host memory, which later updates do not change. */
  download(tensors: readonly T[]): Awaitable<readonly HostTensor[]>;

  /**
   * The tensors as host tensors without a copy, if they lie in host memory: valid until the tensors
   * are consumed or disposed of, and only read. Without this method, core downloads.
   */
  hostViews?(tensors: readonly T[]): readonly HostTensor[];

  /**
   * New tensors with the same elements, bit for bit. Later changes to `tensors` do not affect them.
   */
  clone(tensors: readonly T[]): Awaitable<readonly T[]>;

  /**
   * New tensors with the same values, the n-th in the n-th of `dtypes`, rounded to nearest, ties to
   * even. Required if {@link Backend.dtypes} has `float16` or `bfloat16`: averages of such tensors
   * are float32, and a swap gives the model rounded copies.
   */
  cast?(tensors: readonly T[], dtypes: readonly DType[]): Awaitable<readonly T[]>;

  /**
   * For each tensor, whether all its elements are finite. True for empty tensors and for integers.
   */
  allFinite(tensors: readonly T[]): Awaitable<readonly boolean[]>;

  /**
   * Updates averages: computes `average + weight * (live - average)` for every item, in the
   * precision of the average (a float32 kernel rounds `weight` to float32 first). Apart from
   * `dispose`, this is the only method that consumes tensors. The averages and residuals are
   * distinct tensors; live tensors may occur more than once.
   *
   * Finite inputs give finite results: an element for which this formula is not finite becomes
   * `(1 - weight) * (average + residual) + weight * live`, and its residual 0.
   *
   * An average has the spec of its live tensor, with the dtype float32 for half precision.
   *
   * If the update is made, the averages and residuals of `items` are consumed, and the results are
   * in new handles or the same ones. If a new average would not be finite, the update is refused
   * and nothing changes. A call that throws changes nothing either.
   */
  average(items: readonly AverageItem<T>[], options?: AverageOptions): Awaitable<AverageResult<T>>;

  /**
   * Gives the n-th parameter the contents of the n-th tensor through {@link Parameter.set}, bit for
   * bit, by reference if the runtime can. `tensors` are not changed and still belong to the caller.
   *
   * @returns new tensors with what the parameters held before, in the same order; the caller
   *   disposes of them. If the call throws, every parameter holds what it held before.
   */
  swap(parameters: readonly Parameter<T>[], tensors: readonly T[]): Awaitable<readonly T[]>;

  /** Frees tensors that this backend made. */
  dispose(tensors: readonly T[]): Awaitable<void>;
}
