// Half-precision live weights on the way into the scratch: the bits are copied to the end of the
// slot, and the kernel widens them to float32 from its start. An update of 10M float16 elements
// takes 1.2 of one of float32, of bfloat16 1.0; widened to an array first, float16 takes 6.8.
import { halfToFloat32 } from '@polyak/core/kit';
import type { HalfDType } from '@polyak/core/kit';
import type { FloatArray, NarrowArray } from '../kernel/engine.js';
import { compileModule, instantiateModule } from '../kernel/webassembly.js';
import type { Memory, Module } from '../kernel/webassembly.js';
import { WIDEN } from './widen-bytes.js';

/** Half-precision elements as bits, which an update widens to float32 on the way. */
export interface HalfArray {
  /** What the bits are. */
  readonly dtype: HalfDType;
  /** One 16-bit number an element. */
  readonly bits: Uint16Array;
}

/** Live weights: of the type of the average, or half precision for a float32 one. */
export type LiveArray = FloatArray | HalfArray;

/** How many elements the kernel widens at once. */
const STEP = 8;

/** The functions of widen.wat, over addresses. `count` is a multiple of {@link STEP}. */
type Kernels = Readonly<Record<HalfDType, (from: number, to: number, count: number) => void>>;

interface Widener {
  readonly kernels: Kernels;
  /** The whole memory. */
  readonly bits: Uint16Array;
}

let compiled: Module | undefined;
const WIDENERS = new WeakMap<Memory, Widener>();

function widenerOf(memory: Memory): Widener {
  const known = WIDENERS.get(memory);
  if (known !== undefined) return known;
  compiled ??= compileModule(WIDEN);
  const kernels = instantiateModule(compiled, memory) as Kernels;
  const widener = { kernels, bits: new Uint16Array(memory.buffer) };
  WIDENERS.set(memory, widener);
  return widener;
}

/** Half precision for the engines. */
export class NarrowHalves implements NarrowArray {
  readonly #half: HalfArray;

  constructor(half: HalfArray) {
    this.#half = half;
  }

  widened(): FloatArray {
    return halfToFloat32(this.#half.dtype, this.#half.bits);
  }

  widenInto(memory: Memory, slot: number, start: number, count: number): void {
    const { dtype, bits } = this.#half;
    const widener = widenerOf(memory);
    const room = Math.ceil(count / STEP) * STEP;
    const from = slot + 2 * room;
    widener.bits.set(bits.subarray(start, start + count), from / 2);
    widener.kernels[dtype](from, slot, room);
  }
}
