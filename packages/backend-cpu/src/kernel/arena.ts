// Memory for resident tensors: shards of WebAssembly memory, each with the kernel bound to it. A
// shard never grows, since growing detaches every view. It is large from the start, because pages
// cost nothing until they are touched. When one is full, another is added; so tensors can take more
// than the 4 GiB of one memory.
import type { HostArray } from '@polyak/core/interfaces';
import { arrayOf } from '@polyak/core/interfaces';
import type { ArrayRequest } from './engine.js';
import { FreeList } from './free-list.js';
import type { Kernel, Memory, Module } from './webassembly.js';
import { createMemory, instantiateKernel, PAGE } from './webassembly.js';

/**
 * How many bytes at the start of each shard are for operands that live elsewhere: what stays in
 * cache between passes.
 */
export const SCRATCH: number = 4 * PAGE;

const MIB = 2 ** 20;
const ADDRESSABLE = 2 ** 32;
// A cache line: no two tensors share one.
const ALIGNMENT = 64;

/** One memory and the kernel that works in it. */
export interface Shard {
  readonly kernel: Kernel;
  readonly memory: Memory;
  readonly buffer: ArrayBuffer;
  /** The first {@link SCRATCH} bytes of the memory. */
  readonly scratch32: Float32Array;
  /** The same bytes. */
  readonly scratch64: Float64Array;
}

interface Region extends Shard {
  readonly gaps: FreeList;
}

/** Sizes of shards, in bytes; tests choose small ones. */
export interface ArenaLimits {
  /** The size of the smallest shard. */
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

  /** A shard with scratch only, for updates whose operands all lie elsewhere. */
  readonly staging: Shard;

  /**
   * @param module - the compiled kernel
   * @param limits - sizes of shards
   * @throws whatever the runtime throws where not even the memory for staging can be had
   */
  constructor(module: Module, limits: ArenaLimits = {}) {
    this.#module = module;
    this.#least = limits.least ?? 256 * MIB;
    this.#most = limits.most ?? ADDRESSABLE;
    this.staging = this.#open(SCRATCH);
  }

  /** The number of shards that tensors live in. */
  get shards(): number {
    return this.#regions.length;
  }

  /**
   * Memory for tensors, with undefined contents. All tensors lie in one shard where one can hold
   * them, so that averages and their residuals share a shard.
   *
   * @param requests - what for
   * @returns views of shards, or memory of its own for what no shard can hold; {@link Arena.free}
   *   takes each back
   * @throws RangeError where there is no memory left; then none is taken
   */
  allocate(requests: readonly ArrayRequest[]): readonly HostArray[] {
    const preferred = this.#regionFor(
      requests.reduce((bytes, request) => bytes + alignedSize(request), 0),
    );
    const made: HostArray[] = [];
    try {
      for (const request of requests) {
        made.push(this.#allocateOne(request, preferred));
      }
    } catch (error) {
      for (const data of made) {
        this.free(data);
      }
      throw error;
    }
    return made;
  }

  /**
   * Takes back what {@link Arena.allocate} returned.
   *
   * @param data - the view, not used any more
   */
  free(data: HostArray): void {
    this.#byBuffer.get(data.buffer)?.gaps.give(data.byteOffset, aligned(data.byteLength));
  }

  /** The shard that an array lies in, if it lies in one. */
  shardOf({ buffer }: { readonly buffer?: ArrayBufferLike | undefined }): Shard | undefined {
    return buffer === undefined ? undefined : this.#byBuffer.get(buffer);
  }

  #allocateOne(request: ArrayRequest, preferred: Region | undefined): HostArray {
    const Elements = arrayOf(request.dtype);
    const size = alignedSize(request);
    if (size === 0 || size > this.#most - SCRATCH) {
      return new Elements(request.length);
    }
    for (const region of preferred === undefined ? this.#regions : [preferred, ...this.#regions]) {
      const start = region.gaps.take(size);
      if (start !== undefined) {
        return new Elements(region.buffer, start, request.length);
      }
    }
    const added = this.#addRegion(size);
    const start = added?.gaps.take(size);
    return added === undefined || start === undefined
      ? new Elements(request.length)
      : new Elements(added.buffer, start, request.length);
  }

  // The first region with as much free, or a new one, or none.
  #regionFor(bytes: number): Region | undefined {
    if (bytes === 0 || bytes > this.#most - SCRATCH) {
      return undefined;
    }
    return this.#regions.find(({ gaps }) => gaps.free >= bytes) ?? this.#addRegion(bytes);
  }

  // A few times the request, so that later tensors of the model fit too, and as much as all
  // before together, so that the number of shards stays small. Less, down to the request alone,
  // where the runtime refuses; or nothing.
  #addRegion(request: number): Region | undefined {
    const needed = pages(request + SCRATCH);
    const wanted = Math.max(this.#least, 4 * request + SCRATCH, this.#reserved, needed);
    for (
      let size = pages(Math.min(wanted, this.#most));
      ;
      size = Math.max(needed, pages(size / 2))
    ) {
      try {
        const region = this.#open(size);
        this.#regions.push(region);
        this.#byBuffer.set(region.buffer, region);
        this.#reserved += size;
        return region;
      } catch {
        if (size <= needed) {
          return undefined;
        }
      }
    }
  }

  #open(size: number): Region {
    const memory = createMemory(size);
    const { buffer } = memory;
    return {
      memory,
      buffer,
      kernel: instantiateKernel(this.#module, memory),
      scratch32: new Float32Array(buffer, 0, SCRATCH / 4),
      scratch64: new Float64Array(buffer, 0, SCRATCH / 8),
      gaps: new FreeList(SCRATCH, size),
    };
  }
}

function alignedSize({ dtype, length }: ArrayRequest): number {
  return aligned(length * arrayOf(dtype).BYTES_PER_ELEMENT);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}
