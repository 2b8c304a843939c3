// A place of a live model that holds a tensor.
import type { Awaitable } from './awaitable.js';

/** A named place of the live model. */
export interface Parameter<T> {
  /** Unique within the model and stable between runs: states are keyed by it. */
  readonly name: string;
  /**
   * What `set` writes to: the same for every `Parameter` of one place, whoever made it and whatever
   * the place holds. An object that lives as long as the place (a framework's variable, the cell of
   * a model), or a {@link MemoryRange} where a tensor is a stretch of host memory.
   */
  readonly identity: PlaceIdentity;
  /** The tensor the model computes with now. The model keeps ownership. */
  get(): T;
  /**
   * Makes the model compute with the contents of `tensor`, bit for bit. `tensor` stays what it is
   * and its owner's, who may dispose of it afterwards.
   */
  set(tensor: T): Awaitable<void>;
}

/** A stretch of host memory. */
export interface MemoryRange {
  /**
   * The `ArrayBuffer`; where a `WebAssembly.Memory` replaces its buffer as it grows, the memory.
   */
  readonly memory: object;
  /** Where the stretch begins, in bytes. */
  readonly byteOffset: number;
  /** How long it is, in bytes. */
  readonly byteLength: number;
}

/** See {@link Parameter.identity}. */
export type PlaceIdentity = object | MemoryRange;

/**
 * Whether an identity is a stretch of host memory.
 *
 * @param identity - of a parameter
 */
export function isMemoryRange(identity: PlaceIdentity): identity is MemoryRange {
  return 'memory' in identity && 'byteOffset' in identity && 'byteLength' in identity;
}
