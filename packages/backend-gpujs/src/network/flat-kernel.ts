// gpu.js kernels over flat arrays, which are called alike on every mode and checked.
import { PolyakError } from '@polyak/core';
import { elementCount } from '@polyak/core/interfaces';
import { either, requireOptions } from '@polyak/core/kit';
import type { GPU, IGPUKernelSettings, Texture } from 'gpu.js';
import type { Gpu, Kernel, Rows } from '../gpu.js';
import { SignatureKernels } from '../kernels.js';
import { arrayOrTexture } from '../tensor.js';
import { isDeleted, isTexture, shapeOf } from '../texture.js';

/**
 * An argument or result of a kernel: row-major float32, as an array on the host (modes `cpu` and
 * `webasm`) or as a texture. The caller of the kernel frees a texture with {@link freeArrays}.
 */
export type KernelArray = Float32Array | Texture;

/** An argument of a kernel. A `number` is a scalar. */
export type KernelArgument = KernelArray | number;

/** Options of {@link flatKernel}. */
export interface FlatKernelOptions {
  /**
   * The extents of the threads, innermost first as gpu.js has it: `[x]`, `[x, y]` or `[x, y, z]`.
   */
  readonly output: readonly number[];
  /**
   * Numbers that the source reads as `this.constants.<name>`; integers are integers in the kernel.
   */
  readonly constants?: Readonly<Record<string, number>>;
  /** For messages. */
  readonly name?: string;
  /**
   * On `webasm`: how many workers share the kernel if its output has 4096 elements or more. Each
   * kernel has its own workers of some 5 MB. Default 1: it runs on the calling thread.
   */
  readonly workers?: number;
}

/** A kernel that returns flat arrays. See {@link flatKernel}. */
export interface FlatKernel {
  /**
   * Runs the kernel.
   *
   * @param args - of the source; other types and lengths compile another kernel
   * @returns one number a thread, x fastest: a `Float32Array` on `cpu` and `webasm`, otherwise a
   * texture that the caller frees
   * @throws PolyakError `ERR_UNSUPPORTED` where gpu.js cannot run the kernel, or fell back to
   * another mode than the instance has
   * @throws PolyakError `ERR_DISPOSED` for a texture that was deleted
   */
  run(...args: KernelArgument[]): Promise<KernelArray>;
  /** Runs the kernel and reads the result into host memory. */
  read(...args: KernelArgument[]): Promise<Float32Array>;
  /** Destroys the compiled kernels. */
  dispose(): void;
}

/**
 * A gpu.js kernel over flat arrays. It adds what gpu.js lacks: one compiled
 * kernel for each signature of its arguments (gpu.js forgets settings where types change, and never
 * checks lengths on GL), single precision, immutable results, no silent fallback to the CPU.
 *
 * @param gpu - the instance that computes
 * @param source - the kernel as text, which bundlers and coverage tools do not change; its loops
 *   end at constants and run at most 10,000 times in a thread
 * @param options - extents and constants
 * @returns the kernel; dispose of it when done
 * @throws TypeError where the options are no object, or one of them is not known
 *
 * @example
 * ```ts
 * import { GPU } from 'gpu.js';
 * import { flatKernel } from '@polyak/backend-gpujs';
 *
 * const gpu = new GPU({ mode: 'webasm' });
 * const source = 'function (a, factor) { return a[this.thread.x] * factor; }';
 * const scale = flatKernel(gpu, source, { output: [3] });
 * console.log(await scale.read(Float32Array.of(1, 2, 3), 2)); // Float32Array(3) [2, 4, 6]
 * scale.dispose();
 * await gpu.destroy();
 * ```
 */
export function flatKernel(gpu: GPU, source: string, options: FlatKernelOptions): FlatKernel {
  const known = ['name', 'output', 'constants', 'workers'];
  const given = requireOptions('flatKernel', options, known);
  const { name = 'flatKernel', output, constants = {}, workers = 1 } = given;
  const length = elementCount(output);
  if (!(length > 0)) {
    throw new RangeError(
      `${name}: the output is [${output.join(', ')}], expected at least one thread.`,
    );
  }
  const settings: IGPUKernelSettings = {
    output: [...output],
    constants: { ...constants },
    constantTypes: typesOf(constants),
    precision: 'single',
    tactic: 'precision',
    optimizeFloatMemory: true,
    pipeline: true,
    immutable: true,
    ...({ asyncMode: workers > 1, poolSize: workers } as object),
  };

  const kernels = new SignatureKernels(gpu as unknown as Gpu, {
    source,
    settings,
    contextOf: ({ context }) => context,
    check: (kernel) => refuseFallback(kernel, name),
  });

  const run = async (...args: KernelArgument[]): Promise<KernelArray> => {
    for (const argument of args) checkArgument(argument, name);
    try {
      const { result } = await either(kernels.run(args));
      return isTexture(result) ? result : joined(result, length);
    } catch (error) {
      throw refusal(error, name, output);
    }
  };
  return {
    run,
    async read(...args) {
      const result = await run(...args);
      try {
        return await hostArray(result);
      } finally {
        freeArrays(result);
      }
    },
    dispose() {
      kernels.destroy();
    },
  };
}

/**
 * The elements of a flat array in host memory.
 *
 * @param array - an array, or a texture of any extents
 * @returns row-major elements; an array itself, not a copy
 */
export async function hostArray(array: KernelArray): Promise<Float32Array> {
  if (array instanceof Float32Array) return array;
  return joined((await array.toArray()) as Rows, lengthOf(array));
}

/**
 * Frees textures. Ignores arrays on the host and textures that are already freed.
 *
 * @param arrays - results of kernels
 */
export function freeArrays(...arrays: readonly KernelArray[]): void {
  for (const array of arrays) if (!(array instanceof Float32Array)) array.delete();
}

/** The number of elements of a flat array or texture. */
export function lengthOf(array: KernelArray): number {
  return array instanceof Float32Array ? array.length : elementCount(shapeOf(array));
}

/** Rows as one array, without a copy if they are adjacent in memory, as on webasm. */
function joined(rows: Rows, length: number): Float32Array {
  if (rows instanceof Float32Array) return rows.length === length ? rows : rows.slice(0, length);
  const parts = leaves(rows);
  const [first] = parts;
  const isOneStretch = parts.every(
    (part, index) =>
      part.buffer === first?.buffer &&
      part.length === first.length &&
      part.byteOffset === first.byteOffset + index * first.byteLength,
  );
  if (first !== undefined && isOneStretch)
    return new Float32Array(first.buffer, first.byteOffset, length);
  const whole = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function leaves(rows: Rows): readonly Float32Array[] {
  return rows instanceof Float32Array ? [rows] : rows.flatMap(leaves);
}

/** By default gpu.js makes integers floats, which would round indices beyond 2^24. */
function typesOf(constants: Readonly<Record<string, number>>): Record<string, 'Integer' | 'Float'> {
  return Object.fromEntries(
    Object.entries(constants).map(([name, value]) => [
      name,
      Number.isInteger(value) ? 'Integer' : 'Float',
    ]),
  );
}

function checkArgument(argument: KernelArgument, name: string): void {
  if (typeof argument === 'number') return;
  const array = arrayOrTexture(`${name}: an argument`, argument);
  if (isTexture(array) && isDeleted(array)) {
    throw new PolyakError(
      'ERR_DISPOSED',
      `${name}: an argument is a texture that was deleted. Parameters delete those they take ` +
        'over or exchange: give it parameter.data(), asked for at each call.',
    );
  }
}

function refuseFallback({ fallbackReason }: Kernel, name: string): void {
  if (fallbackReason === null) return;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${name}: gpu.js fell back to the mode cpu: ${fallbackReason}.`,
  );
}

function refusal(error: unknown, name: string, output: readonly number[]): PolyakError {
  if (PolyakError.is(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new PolyakError(
    'ERR_UNSUPPORTED',
    `${name}: gpu.js cannot run this kernel of [${output.join(', ')}] threads: ${reason}`,
    { cause: error },
  );
}
