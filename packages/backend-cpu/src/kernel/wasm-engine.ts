// The engine in WebAssembly: tensors live in the arena's shards, and the kernel of the shard where the average lives
// does the arithmetic.
import type { HostArray } from '@polyak/core';
import type { ArenaLimits, Shard } from './arena.js';
import { Arena } from './arena.js';
import type { ArrayRequest, Engine, FloatDType } from './engine.js';
import { inChunks, reads, updates } from './operand.js';
import { compileKernel } from './webassembly.js';

// The least bits, as 32-bit words, of what is not finite; of a float64 the upper word.
const EXPONENT32 = 0x7f80_0000;
const EXPONENT64 = 0x7ff0_0000;
const ALL_BUT_SIGN = 0x7fff_ffff;

/** The CPU backend's engine where WebAssembly with SIMD is available. */
export class WasmEngine implements Engine {
  readonly name = 'cpu:wasm';
  /** Where its tensors live. */
  readonly arena: Arena;

  /**
   * @param limits - sizes of the arena's shards
   * @throws whatever the runtime throws where it lacks WebAssembly, SIMD or memory
   */
  constructor(limits?: ArenaLimits) {
    this.arena = new Arena(compileKernel(), limits);
  }

  allocate(requests: readonly ArrayRequest[]): readonly HostArray[] {
    return this.arena.allocate(requests);
  }

  free(data: HostArray): void {
    this.arena.free(data);
  }

  average(dtype: FloatDType, average: HostArray, live: HostArray, weight: number): void {
    const shard = this.#shardOf(average, live);
    const a = updates(average);
    const p = reads(live);
    const run = dtype === 'float32' ? shard.kernel.average32 : shard.kernel.average64;
    inChunks(shard, [a, p], (count) => {
      run(a.address, p.address, count, weight);
      return true;
    });
  }

  averageCompensated(
    dtype: FloatDType,
    average: HostArray,
    residual: HostArray,
    live: HostArray,
    weight: number,
  ): void {
    const shard = this.#shardOf(average, residual, live);
    const a = updates(average);
    const c = updates(residual);
    const p = reads(live);
    const run =
      dtype === 'float32' ? shard.kernel.averageCompensated32 : shard.kernel.averageCompensated64;
    inChunks(shard, [a, c, p], (count) => {
      run(a.address, c.address, p.address, count, weight);
      return true;
    });
  }

  allFinite(dtype: FloatDType, data: HostArray): boolean {
    const shard = this.#shardOf(data);
    const x = reads(data);
    return dtype === 'float32'
      ? inChunks(
          shard,
          [x],
          (count) => shard.kernel.allBelow(x.address, 4 * count, ALL_BUT_SIGN, EXPONENT32) === 1,
        )
      : inChunks(
          shard,
          [x],
          (count) => shard.kernel.allBelow(x.address, 8 * count, 0, EXPONENT64) === 1,
        );
  }

  // The first that is resident decides; the average comes first, because moving it would cost two copies.
  #shardOf(...arrays: readonly HostArray[]): Shard {
    for (const data of arrays) {
      const shard = this.arena.shardOf(data);
      if (shard !== undefined) {
        return shard;
      }
    }
    return this.arena.staging;
  }
}
