// The few parts of WebAssembly that this package uses, and the kernel made runnable. Core is
// compiled without the DOM and Node libraries, whose types would otherwise declare `WebAssembly`.
import { KERNEL } from './kernel-bytes.js';

/** One linear memory, such as a `WebAssembly.Memory`. */
export interface Memory {
  /** Its bytes. Another object after the memory has grown; those of the CPU backend never grow. */
  readonly buffer: ArrayBuffer;
}

/** A compiled module, of which each memory gets an instance. */
export type Module = object;

declare const WebAssembly: {
  Memory: new (descriptor: { initial: number; maximum: number }) => Memory;
  Module: new (bytes: Uint8Array) => Module;
  Instance: new (
    module: Module,
    imports: { readonly polyak: { readonly memory: Memory } },
  ) => { readonly exports: object };
};

type Average = (to: number, average: number, live: number, count: number, weight: number) => number;
type AverageCompensated = (
  to: number,
  toResidual: number,
  average: number,
  residual: number,
  live: number,
  count: number,
  weight: number,
) => number;

/**
 * The functions of kernel.wat, over addresses (in bytes) and counts (of elements) within one
 * memory.
 */
export interface Kernel {
  readonly average32: Average;
  readonly average64: Average;
  readonly averageCompensated32: AverageCompensated;
  readonly averageCompensated64: AverageCompensated;
  /**
   * 1 where all words without their sign bits are below a limit, otherwise 0; `lowMask` selects
   * bits of each first word.
   */
  readonly allBelow: (data: number, bytes: number, lowMask: number, limit: number) => number;
}

/** The unit of a memory's size, in bytes. */
export const PAGE = 65_536;

/**
 * Compiles the kernel. It has fewer than 4 KiB, which browsers compile synchronously on the main
 * thread too.
 *
 * @returns the module
 * @throws whatever the runtime throws where it lacks WebAssembly or SIMD, or where a content
 *   security policy forbids it
 */
export function compileKernel(): Module {
  return compileModule(KERNEL);
}

/** As {@link compileKernel}, of another module. */
export function compileModule(hex: string): Module {
  return new WebAssembly.Module(bytesOf(hex));
}

/**
 * A new memory. Its pages cost nothing until they are touched.
 *
 * @param bytes - its size, a multiple of {@link PAGE}, at most 4 GiB
 * @returns the memory
 * @throws RangeError where the runtime lacks the address space
 */
export function createMemory(bytes: number): Memory {
  return new WebAssembly.Memory({ initial: bytes / PAGE, maximum: bytes / PAGE });
}

/**
 * The kernel, bound to a memory.
 *
 * @param module - the compiled kernel
 * @param memory - where its operands lie; at least 4 pages
 * @returns its functions
 */
export function instantiateKernel(module: Module, memory: Memory): Kernel {
  return instantiateModule(module, memory) as Kernel;
}

/** As {@link instantiateKernel}, of another module. */
export function instantiateModule(module: Module, memory: Memory): object {
  return new WebAssembly.Instance(module, { polyak: { memory } }).exports;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, n) =>
    parseInt(hex.slice(2 * n, 2 * n + 2), 16),
  );
}
