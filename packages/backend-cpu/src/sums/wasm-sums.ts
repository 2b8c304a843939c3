// The sums in WebAssembly. Its kernels take 16 elements at a time: the last ones of an operand are
// copied into vectors of their own.
import { allFinite } from '@polyak/core/kit';
import type { Module } from '../kernel/webassembly.js';
import { compileModule, createMemory, instantiateModule, PAGE } from '../kernel/webassembly.js';
import { addInJs } from './add-in-js.js';
import { CHECKSUM_BLOCK, CHECKSUM_SUMS, checksumKeys } from './checksum-keys.js';
import { replaceNaN, resultsAt } from './results.js';
import type { Checksum, HalfOrFloatDType, SumDType, SumKernels } from './sum-kernels.js';
import { SUMS } from './sums-bytes.js';

type Add = (sum: number, values: number, count: number, weight: number) => void;
type Round = (sum: number, target: number, count: number) => number;

/** The functions of sums.wat. */
interface Exports {
  readonly addFloat64: Add;
  readonly addFloat32: Add;
  /** Returns the address of the sum where it stopped. */
  readonly addFloat16: (...args: Parameters<Add>) => number;
  readonly addBfloat16: Add;
  readonly roundFloat32: Round;
  readonly roundHalf: (...args: [...Parameters<Round>, ...HalfFormat]) => number;
  readonly addExactly: (sum: number, terms: number, count: number) => number;
  readonly checksum: (from: number, byteLength: number, position: number, keys: number) => Checksum;
}

/** A format with 16 bits. */
type HalfFormat = readonly [
  /** What follows the largest number. */
  limit: number,
  /** The least normal number. */
  least: number,
  /** 2 ** (52 - bits of the fraction) */
  factor: number,
  /** How far the exponent of float64 lies above that of the format, in 32-bit words. */
  shift: number,
  /** That of `least * factor` in float64, shifted so. */
  bias: number,
  /** The bits of infinity. */
  infinity: number,
];
const FLOAT16: HalfFormat = [2 ** 16, 2 ** -14, 2 ** 42, 10, (1023 - 14 + 42) << 10, 0x7c00];
const BFLOAT16: HalfFormat = [2 ** 128, 2 ** -126, 2 ** 45, 13, (1023 - 126 + 45) << 7, 0x7f80];

/** How many elements a kernel takes at a time. */
const STEP = 16;
/** The bytes that many of them take at most. */
const SLOT = 128;
/** The bytes of the keys of the checksum. */
const KEYS = CHECKSUM_SUMS * CHECKSUM_BLOCK;

/** The weights from which on the kernel for float16 overflows. */
const LARGE_WEIGHT = 2 ** 911;

const SIZES = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
} as const;

let compiled: Module | undefined;

/** {@link SumKernels} where WebAssembly with SIMD is available. */
export class WasmSums implements SumKernels {
  readonly bytes: Uint8Array;
  /** The bytes, two slots for the last elements, and the keys of the checksum. */
  readonly #all: Uint8Array;
  /** The address of the keys. */
  readonly #keys: number;
  #hasKeys = false;
  readonly #slots: readonly [sum: number, other: number];
  readonly #add: Readonly<Partial<Record<SumDType, Add>>>;
  readonly #round: Readonly<Record<HalfOrFloatDType, Round>>;
  readonly #exports: Exports;

  /**
   * @param byteLength - of the memory
   * @throws whatever the runtime throws where it lacks WebAssembly, SIMD or memory
   */
  constructor(byteLength: number) {
    const slot = Math.ceil(byteLength / STEP) * STEP;
    const memory = createMemory(Math.ceil((slot + 2 * SLOT + KEYS) / PAGE) * PAGE);
    compiled ??= compileModule(SUMS);
    const exports = instantiateModule(compiled, memory) as Exports;
    this.bytes = new Uint8Array(memory.buffer, 0, byteLength);
    this.#all = new Uint8Array(memory.buffer);
    this.#slots = [slot, slot + SLOT];
    this.#keys = slot + 2 * SLOT;
    this.#add = {
      float64: exports.addFloat64,
      float32: exports.addFloat32,
      float16: (sum, values, count, weight) => {
        this.#addFloat16(exports.addFloat16, sum, values, count, weight);
      },
      bfloat16: exports.addBfloat16,
    };
    this.#round = {
      float64: (sum, target, count) => Number(this.#copyFloat64(sum, target, count)),
      float32: exports.roundFloat32,
      float16: (sum, target, count) => exports.roundHalf(sum, target, count, ...FLOAT16),
      bfloat16: (sum, target, count) => exports.roundHalf(sum, target, count, ...BFLOAT16),
    };
    this.#exports = exports;
  }

  clear(sum: number, count: number): void {
    this.bytes.fill(0, sum, sum + 8 * count);
  }

  add(sum: number, values: number, dtype: SumDType, count: number, weight: number): void {
    const run = this.#add[dtype];
    if (run === undefined) {
      addInJs(this.#floats64(sum, count), this.bytes.buffer, values, dtype, weight);
      return;
    }
    const rest = count % STEP;
    const whole = count - rest;
    run(sum, values, whole, weight);
    if (rest === 0) return;
    const [sumSlot, slot] = this.#slots;
    const [sumEnd, end] = [sum + 8 * whole, values + SIZES[dtype] * whole];
    this.#copy(sumSlot, sumEnd, 8 * rest);
    this.#copy(slot, end, SIZES[dtype] * rest);
    run(sumSlot, slot, STEP, weight);
    this.#copy(sumEnd, sumSlot, 8 * rest);
  }

  round(sum: number, target: number, dtype: HalfOrFloatDType, count: number): boolean {
    const run = this.#round[dtype];
    const rest = count % STEP;
    const whole = count - rest;
    let isFinite = run(sum, target, whole) === 1;
    if (rest > 0) {
      const [sumSlot, slot] = this.#slots;
      this.#all.fill(0, sumSlot, sumSlot + SLOT);
      this.#copy(sumSlot, sum + 8 * whole, 8 * rest);
      isFinite = run(sumSlot, slot, STEP) === 1 && isFinite;
      this.#copy(target + SIZES[dtype] * whole, slot, SIZES[dtype] * rest);
    }
    if (isFinite) return true;
    const results = resultsAt(this.bytes, target, dtype, count);
    replaceNaN(this.#floats64(sum, count), results, dtype);
    return false;
  }

  widen(values: number, dtype: SumDType, target: number, count: number): void {
    // Only -0 leaves all that is added to it as it is, -0 too.
    this.#floats64(target, count).fill(-0);
    this.add(target, values, dtype, count, 1);
  }

  addExactly(sum: number, terms: number, count: number): boolean {
    const { addExactly } = this.#exports;
    const rest = count % STEP;
    const whole = count - rest;
    const isInexact = addExactly(sum, terms, whole) === 1;
    if (rest === 0) return isInexact;
    const [sumSlot, slot] = this.#slots;
    this.#all.fill(0, sumSlot, slot + SLOT);
    this.#copy(sumSlot, sum + 8 * whole, 8 * rest);
    this.#copy(slot, terms + 8 * whole, 8 * rest);
    const isRestInexact = addExactly(sumSlot, slot, STEP) === 1;
    this.#copy(sum + 8 * whole, sumSlot, 8 * rest);
    this.#copy(terms + 8 * whole, slot, 8 * rest);
    return isInexact || isRestInexact;
  }

  checksum(from: number, byteLength: number, position: number): Checksum {
    if (!this.#hasKeys) new Int16Array(this.#all.buffer, this.#keys).set(checksumKeys());
    this.#hasKeys = true;
    return this.#exports.checksum(from, byteLength, position, this.#keys);
  }

  #copyFloat64(sum: number, target: number, count: number): boolean {
    this.#copy(target, sum, 8 * count);
    return allFinite('float64', this.#floats64(target, count));
  }

  /** In JavaScript where the kernel stops, and where the weight is too large for it. */
  #addFloat16(
    run: Exports['addFloat16'],
    sum: number,
    values: number,
    count: number,
    weight: number,
  ): void {
    const isLarge = Math.abs(weight) >= LARGE_WEIGHT;
    for (let at = 0; at < count; at += STEP) {
      if (!isLarge) at = ((run(sum + 8 * at, values + 2 * at, count - at, weight) >>> 0) - sum) / 8;
      if (at === count) return;
      const sums = this.#floats64(sum + 8 * at, STEP);
      addInJs(sums, this.bytes.buffer, values + 2 * at, 'float16', weight);
    }
  }

  #copy(target: number, from: number, byteLength: number): void {
    this.#all.copyWithin(target, from, from + byteLength);
  }

  #floats64(address: number, count: number): Float64Array {
    return new Float64Array(this.bytes.buffer, address, count);
  }
}
