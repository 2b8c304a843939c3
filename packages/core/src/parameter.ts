// A place of a live model that holds a tensor.
import type { Awaitable } from './awaitable.js';

/** A named place of a live model that holds a tensor. */
export interface Parameter<T> {
  /** Unique within the model and stable between runs: states are keyed by it. */
  readonly name: string;
  /**
   * What `set` writes to: the same for every `Parameter` of one place, independent of the tensor
   * that the place holds. Either an object that lives as long as the place (a framework's variable,
   * the cell of a model), or a {@link MemoryRange} for a tensor in host memory.
   */
  readonly identity: PlaceIdentity;
  /** The tensor the model computes with now. The model keeps ownership. */
  get(): T;
  /**
   * Makes the model compute with the contents of `tensor`, bit for bit. Does not change `tensor`,
   * and its owner may dispose of it afterwards.
   */
  set(tensor: T): Awaitable<void>;
}

/** A range of host memory. */
export interface MemoryRange {
  /** The `ArrayBuffer`, or the `WebAssembly.Memory`, whose buffer is replaced when it grows. */
  readonly memory: object;
  /** The offset of the first byte. */
  readonly byteOffset: number;
  /** The length in bytes. */
  readonly byteLength: number;
}

/** The type of {@link Parameter.identity}. */
export type PlaceIdentity = object | MemoryRange;

/**
 * Whether an identity is a range of host memory.
 *
 * @param identity - the identity of a parameter
 */
export function isMemoryRange(identity: PlaceIdentity): identity is MemoryRange {
  return 'memory' in identity && 'byteOffset' in identity && 'byteLength' in identity;
}
