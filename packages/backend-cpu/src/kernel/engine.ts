// What an update needs: memory for its results, and arithmetic on elements. There are two engines,
// in WebAssembly and in JavaScript, which agree bit for bit.
import type { DType, HostArray } from '@polyak/core/interfaces';
import type { Memory } from './webassembly.js';

/** The arrays that are averaged. */
export type FloatArray = Float32Array | Float64Array;

/** Elements in another format, which an update widens to float32 on the way. */
export interface NarrowArray {
  /** Tells them from {@link FloatArray}. */
  readonly buffer?: undefined;
  /** All elements as floats. */
  widened(): FloatArray;
  /**
   * Writes elements into the scratch of a shard as float32.
   *
   * @param memory - that of the shard
   * @param slot - the address, a multiple of 4, with room for a multiple of 8 elements
   * @param start - the first element
   * @param count - how many
   */
  widenInto(memory: Memory, slot: number, start: number, count: number): void;
}

/** Elements that an update reads. */
export type Elements = FloatArray | NarrowArray;

/** Whether elements are in another format. */
export function isNarrow(elements: Elements): elements is NarrowArray {
  return elements.buffer === undefined;
}

/** Elements as floats. */
export function widened(elements: Elements): FloatArray {
  return isNarrow(elements) ? elements.widened() : elements;
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
export interface Sources<Live = FloatArray> {
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
  average(to: Targets, from: Sources<Elements>, weight: number): number;

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
