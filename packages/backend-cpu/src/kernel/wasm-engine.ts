// The engine in WebAssembly: tensors lie in the arena's shards, and the kernel of the shard where
// the new average lies does the arithmetic.
import type { ArenaLimits, Shard } from './arena.js';
import { Arena } from './arena.js';
import { isNarrow } from './engine.js';
import type { Elements, Engine, FloatArray, Sources, Targets } from './engine.js';
import { SpareArrays } from './spare-arrays.js';
import { inChunks, inOneChunk } from './staging.js';
import type { Step } from './staging.js';
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

  average(to: Targets, from: Sources<Elements>, weight: number): number {
    const { residual } = from;
    return residual === undefined
      ? this.#average(to.average, from, weight)
      : this.#averageCompensated(to.average, to.residual as FloatArray, residual, from, weight);
  }

  allFinite(data: FloatArray): boolean {
    const operands = [data];
    const shard = this.#shardOf(operands);
    const size = data.BYTES_PER_ELEMENT;
    const [mask, limit] = is32(data) ? [ALL_BUT_SIGN, EXPONENT32] : [0, EXPONENT64];
    const bad = inChunks(
      shard,
      operands,
      0,
      ([x = 0], count) => 1 - shard.kernel.allBelow(x, size * count, mask, limit),
    );
    return bad === 0;
  }

  #average(target: FloatArray, { average, live }: Sources<Elements>, weight: number): number {
    const operands = [target, average, live];
    const shard = this.#shardOf(operands);
    const run = is32(target) ? shard.kernel.average32 : shard.kernel.average64;
    const slot = isNarrow(live) ? undefined : inOneChunk(shard, target, average, live);
    if (slot !== undefined) {
      return run(target.byteOffset, average.byteOffset, slot, target.length, weight);
    }
    const step: Step = ([t = 0, a = 0, p = 0], count) => run(t, a, p, count, weight);
    return inChunks(shard, operands, 1, step);
  }

  #averageCompensated(
    target: FloatArray,
    targetResidual: FloatArray,
    residual: FloatArray,
    { average, live }: Sources<Elements>,
    weight: number,
  ): number {
    const operands = [target, targetResidual, average, residual, live];
    const shard = this.#shardOf(operands);
    const run = is32(target)
      ? shard.kernel.averageCompensated32
      : shard.kernel.averageCompensated64;
    const step: Step = ([t = 0, r = 0, a = 0, c = 0, p = 0], count) =>
      run(t, r, a, c, p, count, weight);
    return inChunks(shard, operands, 2, step);
  }

  // The first that is resident decides.
  #shardOf(operands: readonly Elements[]): Shard {
    for (const data of operands) {
      const shard = this.arena.shardOf(data);
      if (shard !== undefined) return shard;
    }
    return this.arena.staging;
  }
}

function is32(data: FloatArray): boolean {
  return data.BYTES_PER_ELEMENT === 4;
}
