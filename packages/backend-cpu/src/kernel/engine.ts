// What the CPU backend needs of an engine: memory for tensors, and arithmetic on their elements. There are two, in
// WebAssembly and in JavaScript, which agree bit for bit.
import type { DType, HostArray } from '@polyak/core';

/** The dtypes that are averaged. */
export type FloatDType = 'float32' | 'float64';

/** What a tensor needs room for. */
export interface ArrayRequest {
  readonly dtype: DType;
  /** In elements. */
  readonly length: number;
}

/**
 * Memory and arithmetic. Arrays passed together have the same length and hold the elements of `dtype`; they may lie in
 * memory of the engine or anywhere else. Arithmetic on such arrays does not throw.
 */
export interface Engine {
  readonly name: 'cpu:wasm' | 'cpu:js';

  /** Room for tensors, all or none; what it holds is undefined. */
  allocate(requests: readonly ArrayRequest[]): readonly HostArray[];

  /** Takes back one of the arrays that `allocate` returned. */
  free(data: HostArray): void;

  /** `average += weight * (live - average)`, each operation rounded to `dtype`. */
  average(dtype: FloatDType, average: HostArray, live: HostArray, weight: number): void;

  /** The same for the value `average + residual`, with the rounding error of the new average left in `residual`. */
  averageCompensated(
    dtype: FloatDType,
    average: HostArray,
    residual: HostArray,
    live: HostArray,
    weight: number,
  ): void;

  /** Whether all elements are finite. */
  allFinite(dtype: FloatDType, data: HostArray): boolean;
}
