// The engine in WebAssembly: tensors lie in the arena's shards, and the kernel of the shard where
// the new average lies does the arithmetic.
import type { ArenaLimits, Shard } from './arena.js';
import { Arena } from './arena.js';
import type { Engine, FloatArray, Sources, Targets } from './engine.js';
import { SpareArrays } from './spare-arrays.js';
import type { Operand } from './staging.js';
import { inChunks } from './staging.js';
import { compileKernel } from './webassembly.js';

// The smallest bit patterns that are not finite, as 32-bit words; of a float64, the upper word.
const EXPONENT32 = 0x7f80_0000;
const EXPONENT64 = 0x7ff0_0000;
const ALL_BUT_SIGN = 0x7fff_ffff;

/** The CPU backend's engine where WebAssembly with SIMD is available. */
export class WasmEngine implements Engine {
  readonly name = 'cpu:wasm';
  readonly memory: SpareArrays;
  /** The memory of its tensors. */
  readonly arena: Arena;

  /**
   * @param limits - sizes of the arena's shards
   * @throws whatever the runtime throws where it lacks WebAssembly, SIMD or memory
   */
  constructor(limits?: ArenaLimits) {
    this.arena = new Arena(compileKernel(), limits);
    this.memory = new SpareArrays(this.arena);
  }

  average(to: Targets, from: Sources, weight: number): number {
    return from.residual === undefined
      ? this.#average(to.average, from, weight)
      : this.#averageCompensated(
          to.average,
          to.residual as FloatArray,
          from.residual,
          from,
          weight,
        );
  }

  allFinite(data: FloatArray): boolean {
    const shard = this.#shardOf(data);
    const x = source(data);
    const size = data.BYTES_PER_ELEMENT;
    const [mask, limit] = is32(data) ? [ALL_BUT_SIGN, EXPONENT32] : [0, EXPONENT64];
    const bad = inChunks(
      shard,
      [x],
      (count) => 1 - shard.kernel.allBelow(x.address, size * count, mask, limit),
    );
    return bad === 0;
  }

  #average(target: FloatArray, { average, live }: Sources, weight: number): number {
    const shard = this.#shardOf(target, average, live);
    const [t, a, p] = [targetOf(target), source(average), source(live)];
    const run = is32(target) ? shard.kernel.average32 : shard.kernel.average64;
    return inChunks(shard, [t, a, p], (count) =>
      run(t.address, a.address, p.address, count, weight),
    );
  }

  #averageCompensated(
    target: FloatArray,
    targetResidual: FloatArray,
    residual: FloatArray,
    { average, live }: Sources,
    weight: number,
  ): number {
    const shard = this.#shardOf(target, targetResidual, average, residual, live);
    const [t, r] = [targetOf(target), targetOf(targetResidual)];
    const [a, c, p] = [source(average), source(residual), source(live)];
    const run = is32(target)
      ? shard.kernel.averageCompensated32
      : shard.kernel.averageCompensated64;
    return inChunks(shard, [t, r, a, c, p], (count) =>
      run(t.address, r.address, a.address, c.address, p.address, count, weight),
    );
  }

  // The first that is resident decides.
  #shardOf(...arrays: readonly FloatArray[]): Shard {
    for (const data of arrays) {
      const shard = this.arena.shardOf(data);
      if (shard !== undefined) return shard;
    }
    return this.arena.staging;
  }
}

function source(data: FloatArray): Operand {
  return { data, isTarget: false, address: 0 };
}

function targetOf(data: FloatArray): Operand {
  return { data, isTarget: true, address: 0 };
}

function is32(data: FloatArray): boolean {
  return data.BYTES_PER_ELEMENT === 4;
}
