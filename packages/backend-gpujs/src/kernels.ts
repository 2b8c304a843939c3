// One kernel source, compiled for each signature of its arguments: gpu.js compiles types
// and sizes in, and reads garbage when later arguments have others.
import { PolyakError } from '@polyak/core';
import type { Steps } from '@polyak/core/kit';
import { wait } from '@polyak/core/kit';
import type { Texture } from 'gpu.js';
import { destroyKernel } from './gpu.js';
import type { Gpu, Kernel, KernelCall, KernelResult, WebGlContext, WebGpuContext } from './gpu.js';
import { isTexture, signatureOf } from './texture.js';

/** An argument of a kernel. Arrays are nested to the rank that the kernel indexes. */
export type Argument = number | Float32Array | readonly unknown[] | Texture;

/** How {@link SignatureKernels} creates and checks kernels. */
export interface KernelTerms {
  readonly source: string;
  /** The settings that gpu.js creates them with. */
  readonly settings: object;
  /** Where a call reports its errors. gpu.js does not check. */
  contextOf(kernel: Kernel): Kernel['context'];
  /** Called after the first call of a kernel. Throws to refuse it. */
  check(kernel: Kernel, result: KernelResult): void;
}

/** The result of a run. */
export interface KernelRun {
  readonly call: KernelCall;
  readonly result: KernelResult;
}

export class SignatureKernels {
  readonly #gpu: Gpu;
  readonly #terms: KernelTerms;
  readonly #calls = new Map<string, KernelCall>();

  constructor(gpu: Gpu, terms: KernelTerms) {
    this.#gpu = gpu;
    this.#terms = terms;
  }

  /** How many are compiled. */
  get count(): number {
    return this.#calls.size;
  }

  /**
   * Calls the kernel for `args`. Compiles it on the first call.
   *
   * @throws whatever gpu.js throws; PolyakError `ERR_UNSUPPORTED` where the device
   *   reports that it could not run the kernel
   */
  *run(args: readonly Argument[]): Steps<KernelRun> {
    const { source, settings, contextOf, check } = this.#terms;
    const signature = args.map(argumentSignature).join('|');
    const known = this.#calls.get(signature);
    const call = known ?? this.#gpu.createKernel(source, settings);
    this.#calls.set(signature, call);
    try {
      const result = yield* checked(contextOf(call.kernel), () => wait(call(...args)));
      if (known === undefined) checkFirst(call, result, check);
      return { call, result };
    } catch (error) {
      if (known === undefined) {
        this.#calls.delete(signature);
        destroyKernel(call.kernel);
      }
      throw error;
    }
  }

  /** Destroys the kernels, except those to keep. */
  destroy(isKept: (call: KernelCall) => boolean = () => false): void {
    for (const [signature, call] of this.#calls) {
      if (isKept(call)) continue;
      destroyKernel(call.kernel);
      this.#calls.delete(signature);
    }
  }
}

function checkFirst(call: KernelCall, result: KernelResult, check: KernelTerms['check']): void {
  try {
    check(call.kernel, result);
  } catch (error) {
    if (isTexture(result)) result.delete();
    throw error;
  }
}

/**
 * Runs `operation`, and throws a PolyakError `ERR_UNSUPPORTED` where the device reports an
 * error. gpu.js does not check.
 */
export function* checked<Result>(
  context: Kernel['context'],
  operation: () => Steps<Result>,
): Steps<Result> {
  if (context === null || context === undefined) return yield* operation();
  return yield* 'device' in context
    ? checkedWebGpu(context, operation)
    : checkedWebGl(context, operation);
}

function* checkedWebGl<Result>(gl: WebGlContext, operation: () => Steps<Result>): Steps<Result> {
  // Clears earlier errors of others. A lost context reports its error only once.
  while (gl.getError() !== gl.NO_ERROR);
  const result = yield* operation();
  const error = gl.getError();
  if (error === gl.NO_ERROR) return result;
  throw deviceError(`WebGL's error 0x${error.toString(16)}`);
}

function* checkedWebGpu<Result>(
  { device }: WebGpuContext,
  operation: () => Steps<Result>,
): Steps<Result> {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let result: Result;
  let errors: readonly ({ readonly message: string } | null)[];
  try {
    result = yield* operation();
  } finally {
    errors = yield* wait(Promise.all([device.popErrorScope(), device.popErrorScope()]));
  }
  const error = errors.find((each) => each !== null);
  if (error === undefined || error === null) return result;
  throw deviceError(error.message);
}

function deviceError(message: string): PolyakError {
  return new PolyakError(
    'ERR_UNSUPPORTED',
    `The device could not run a kernel (${message}). It may be out of memory: averages take as ` +
      'much as the weights, and twice that during an update.',
  );
}

function argumentSignature(argument: Argument): string {
  if (typeof argument === 'number') return 'number';
  if (isTexture(argument)) return signatureOf(argument);
  const lengths: number[] = [];
  for (
    let level: unknown = argument;
    Array.isArray(level) || level instanceof Float32Array;
    level = level[0]
  ) {
    lengths.push(level.length);
  }
  return `array[${lengths.join()}]`;
}
