// Where resident tensors live: shards of WebAssembly memory, each with the kernel bound to it. A shard is never grown,
// since growing detaches every view; it is made large at once, because pages cost nothing until they are touched. More
// shards follow when one is full, which is also how tensors pass the 4 GiB that one memory can address.
import type { DType, HostArray } from '../tensor.js';
import { arrayOf } from '../tensor.js';
import { FreeList } from './free-list.js';
import type { Kernel, Module } from './webassembly.js';
import { createMemory, instantiateKernel, PAGE } from './webassembly.js';

/** How many bytes at the start of each shard are for operands that live elsewhere: what stays in cache between passes. */
export const SCRATCH: number = 4 * PAGE;

const MIB = 2 ** 20;
const ADDRESSABLE = 2 ** 32;
// A cache line: no two tensors share one.
const ALIGNMENT = 64;

/** One memory and the kernel that works in it. */
export interface Shard {
  readonly kernel: Kernel;
  /** The first {@link SCRATCH} bytes of the memory. */
  readonly scratch: Uint8Array;
}

interface Region extends Shard {
  readonly buffer: ArrayBuffer;
  readonly gaps: FreeList;
}

/** Sizes of shards, in bytes; tests choose small ones. */
export interface ArenaLimits {
  /** The size of the first shard. */
  readonly least?: number;
  /** The size of the largest shard, at most 4 GiB. */
  readonly most?: number;
}

/** Memory for resident tensors. */
export class Arena {
  readonly #module: Module;
  readonly #least: number;
  readonly #most: number;
  readonly #regions: Region[] = [];
  readonly #byBuffer = new Map<ArrayBufferLike, Region>();
  #reserved = 0;

  /** The first shard, in which operands meet that are all elsewhere. */
  readonly first: Shard;

  /**
   * @param module - the compiled kernel
   * @param limits - sizes of shards
   * @throws whatever the runtime throws where not even the scratch of one shard can be had
   */
  constructor(module: Module, limits: ArenaLimits = {}) {
    this.#module = module;
    this.#least = limits.least ?? 256 * MIB;
    this.#most = limits.most ?? ADDRESSABLE;
    this.first = this.#addRegion(0);
  }

  /** The number of shards. */
  get shards(): number {
    return this.#regions.length;
  }

  /**
   * Room for a tensor, with whatever was there before.
   *
   * @param dtype - its element type
   * @param length - its number of elements
   * @returns a view of a shard, or of memory of its own where no shard can be large enough; {@link Arena.free} takes it back
   * @throws RangeError where there is no memory left
   */
  allocate(dtype: DType, length: number): HostArray {
    const Elements = arrayOf(dtype);
    const size = aligned(length * Elements.BYTES_PER_ELEMENT);
    if (size === 0 || size > this.#most - SCRATCH) {
      return new Elements(length);
    }
    for (const region of this.#regions) {
      const start = region.gaps.take(size);
      if (start !== undefined) {
        return new Elements(region.buffer, start, length);
      }
    }
    try {
      const region = this.#addRegion(size);
      const start = region.gaps.take(size);
      return start === undefined ? new Elements(length) : new Elements(region.buffer, start, length);
    } catch {
      return new Elements(length);
    }
  }

  /**
   * Takes back what {@link Arena.allocate} returned.
   *
   * @param data - the view, not used any more
   */
  free(data: HostArray): void {
    if (data.byteLength > 0) {
      this.#byBuffer.get(data.buffer)?.gaps.give(data.byteOffset, aligned(data.byteLength));
    }
  }

  /**
   * The shard that an array lies in.
   *
   * @param data - any array
   * @returns the shard, or undefined where it lies elsewhere
   */
  shardOf(data: HostArray): Shard | undefined {
    return this.#byBuffer.get(data.buffer);
  }

  // As much as all before it together, so that the number of shards stays small, and a few times the request, so that
  // the next tensors of a model lie beside the first. Smaller, down to the request alone, where the runtime refuses.
  #addRegion(request: number): Region {
    const needed = pages(request + SCRATCH);
    let size = pages(
      Math.min(Math.max(this.#least, 4 * request + SCRATCH, this.#reserved, needed), this.#most),
    );
    for (;;) {
      try {
        const memory = createMemory(size);
        const { buffer } = memory;
        const region = {
          buffer,
          kernel: instantiateKernel(this.#module, memory),
          scratch: new Uint8Array(buffer, 0, SCRATCH),
          gaps: new FreeList(SCRATCH, size),
        };
        this.#regions.push(region);
        this.#byBuffer.set(buffer, region);
        this.#reserved += size;
        return region;
      } catch (error) {
        if (size <= needed) {
          throw error;
        }
        size = Math.max(needed, pages(size / 2));
      }
    }
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}
