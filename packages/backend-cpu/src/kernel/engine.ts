// What an update needs: memory for its results, and arithmetic on elements. There are two engines,
// in WebAssembly and in JavaScript, which agree bit for bit.
import type { DType, HostArray } from '@polyak/core/interfaces';
import type { HalfDType } from '@polyak/core/kit';

/** The arrays that are averaged. */
export type FloatArray = Float32Array | Float64Array;

/** Half-precision elements as bits, which an update widens to float32 on the way. */
export interface HalfArray {
  /** What the bits are. */
  readonly dtype: HalfDType;
  /** One 16-bit number an element. */
  readonly bits: Uint16Array;
}

/** Live weights: of the type of the average, or half precision for a float32 one. */
export type LiveArray = FloatArray | HalfArray;

/** Whether live weights are in half precision. */
export function isHalfArray(live: LiveArray): live is HalfArray {
  return 'bits' in live;
}

/** Type and length of the memory of a tensor. */
export interface ArrayRequest {
  readonly dtype: DType;
  /** In elements. */
  readonly length: number;
}

/** Bit of {@link Arithmetic.average}: an element of the new average is not finite. */
export const NOT_FINITE = 1;
/** Bit of {@link Arithmetic.average}: an element of `live` differs from the average. */
export const MOVED = 2;

/** What an update reads. */
export interface Sources<Live extends LiveArray = FloatArray> {
  readonly average: FloatArray;
  /** The rounding error that the average carries, where it is compensated. */
  readonly residual?: FloatArray | undefined;
  readonly live: Live;
}

/** Where an update writes; none of it is a source. */
export interface Targets {
  readonly average: FloatArray;
  /** Wherever there is a residual among the {@link Sources}. */
  readonly residual?: FloatArray | undefined;
}

/** Arithmetic on arrays of one type and length, wherever they lie. Does not throw. */
export interface Arithmetic {
  /**
   * `to.average = average + weight * (live - average)`, each operation rounded to the type of the
   * arrays; with a residual, the same for the value `average + residual`.
   *
   * @returns {@link NOT_FINITE} and {@link MOVED}
   */
  average(to: Targets, from: Sources<LiveArray>, weight: number): number;

  /** Whether all elements are finite. */
  allFinite(data: FloatArray): boolean;
}

/** Memory for tensors. */
export interface Allocator {
  /** Memory for tensors, all or none, with undefined contents. */
  allocate(requests: readonly ArrayRequest[]): readonly HostArray[];

  /** Takes back one of the arrays that `allocate` returned. */
  free(data: HostArray): void;
}

/** Memory for the results of updates. It reuses the arrays of replaced averages. */
export interface Workspace {
  /**
   * For each array another of its type and length, all or none, with undefined contents.
   */
  take(models: readonly FloatArray[]): readonly FloatArray[];

  /** Takes back arrays that are no longer read. */
  keep(arrays: readonly FloatArray[]): void;
}

/** An engine computes and has memory. */
export interface Engine extends Arithmetic {
  readonly name: 'cpu:wasm' | 'cpu:js';
  readonly memory: Allocator & Workspace;
}
