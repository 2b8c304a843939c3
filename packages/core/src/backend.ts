// The abstract tensor interface: all that averaging asks of a runtime.
import type { DType, HostTensor, TensorSpec } from './tensor.js';

/** A value, or a promise of it: backends return whichever is natural, core always awaits. */
export type Awaitable<V> = V | Promise<V>;

/** A cell of the live model: a named place that holds a tensor. */
export interface Parameter<T> {
  /** Unique within the model and stable between runs: states are keyed by it. */
  readonly name: string;
  /** The tensor the model computes with now. The model keeps ownership. */
  get(): T;
  /** Makes the model compute with `tensor`. */
  set(tensor: T): Awaitable<void>;
}

/** What a compensated average is made of: the value is `averages[i] + residuals[i]`. */
export interface CompensatedAverages<T> {
  /** The averages, as the model would see them. */
  readonly averages: readonly T[];
  /** The rounding error that each average carries. */
  readonly residuals: readonly T[];
}

/**
 * A tensor runtime, as a plain object of functions. `T` is the runtime's own tensor. All methods take lists, so that one
 * call covers a whole parameter group. Core validates before it calls (lists of equal length, equal specs, a declared
 * dtype, a weight in [0, 1]); backends need not check again.
 */
export interface Backend<T> {
  /** The version of this interface. */
  readonly specVersion: 1;
  /** What really runs, such as `cpu:wasm` or `tfjs:tensorflow`. */
  readonly name: string;
  /** The dtypes that tensors of this runtime can have. Of these, the floating ones are averaged, the others copied. */
  readonly dtypes: readonly DType[];

  /** Dtype and shape, without reading the device. */
  spec(tensor: T): TensorSpec;

  /**
   * What two handles of the same storage have in common, so that tied parameters are found. Default: the handle itself.
   */
  identity?(tensor: T): unknown;

  /** New tensors that hold a copy of `tensors`. The caller disposes of them. */
  upload(tensors: readonly HostTensor[]): Awaitable<readonly T[]>;

  /** Copies in host memory, which later updates do not change. */
  download(tensors: readonly T[]): Awaitable<readonly HostTensor[]>;

  /** New tensors with the same elements, bit for bit, which later changes of `tensors` do not reach. */
  clone(tensors: readonly T[]): Awaitable<readonly T[]>;

  /**
   * New tensors with the same values, each in the dtype at its place of `dtypes`, rounded to nearest, ties to even. Required
   * where {@link Backend.dtypes} has `float16` or `bfloat16`, optional otherwise: averages of such tensors are float32, and
   * a swap shows the model a rounded copy.
   */
  cast?(tensors: readonly T[], dtypes: readonly DType[]): Awaitable<readonly T[]>;

  /** For each tensor, whether all its elements are finite. True for an empty tensor and for integers. */
  allFinite(tensors: readonly T[]): Awaitable<readonly boolean[]>;

  /**
   * `averages + weight * (live - averages)`, in the precision of the tensors: a float32 kernel rounds `weight` to
   * float32 first. Consumes `averages` and returns the handles that hold the result, in place where the runtime can;
   * `live` is only read. If it throws, `averages` still hold their old values.
   *
   * An average has the spec of its live tensor, but the dtype float32 where that is `float16` or `bfloat16`.
   */
  average(averages: readonly T[], live: readonly T[], weight: number): Awaitable<readonly T[]>;

  /**
   * The same with a second tensor of the average's spec beside each average that carries its rounding error (Kahan 1965,
   * Neumaier 1974), so that the pair is about as accurate as a float of twice the precision. Optional.
   */
  averageCompensated?(
    averages: readonly T[],
    residuals: readonly T[],
    live: readonly T[],
    weight: number,
  ): Awaitable<CompensatedAverages<T>>;

  /**
   * Exchanges what the parameters hold with `tensors`, bit for bit, by handle where the runtime can. Consumes `tensors`
   * and returns what the parameters held, in the same order. If it throws, nothing was exchanged.
   */
  swap(parameters: readonly Parameter<T>[], tensors: readonly T[]): Awaitable<readonly T[]>;

  /** Frees tensors that this backend made. */
  dispose(tensors: readonly T[]): Awaitable<void>;
}
