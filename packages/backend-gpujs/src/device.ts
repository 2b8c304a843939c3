// What computes: the kernels of one GPU instance, each compiled for one signature of its arguments
// and checked in every run.
import { PolyakError } from '@polyak/core';
import type { Texture } from 'gpu.js';
import type {
  Gpu,
  GpujsMode,
  Kernel,
  KernelCall,
  Storage,
  WebGlContext,
  WebGpuContext,
} from './gpu.js';
import { modeOf } from './gpu.js';
import type { Layout } from './texture.js';
import { contextOf, flattened, isTexture, signatureOf } from './texture.js';

/** What a kernel is called with. Arrays are nested to the rank that the kernel indexes. */
export type Argument = number | Float32Array | readonly unknown[] | Texture;

/** Constants of a kernel, and whatever else it is created with. */
export type KernelSettings = Layout & { readonly constants?: Readonly<Record<string, number>> };

export class Device {
  /** What really computes, whatever the GPU instance was asked for. */
  readonly mode: GpujsMode;
  /** Whether results are textures; on cpu and webasm they are arrays. */
  readonly hasTextures: boolean;
  readonly #gpu: Gpu;
  /** The first kernel. Whoever destroys the GPU destroys it too. */
  readonly #sentinel: Kernel;
  readonly #kernels = new Map<string, KernelCall>();
  /**
   * Which kernel made a texture, and how many of its textures are not deleted: they do not outlive
   * it.
   */
  readonly #makers = new WeakMap<Texture, KernelCall>();
  readonly #textures = new Map<KernelCall, number>();
  #isReleased = false;

  private constructor(gpu: Gpu, sentinel: Kernel) {
    this.#gpu = gpu;
    this.#sentinel = sentinel;
    this.mode = modeOf(sentinel);
    this.hasTextures = this.mode !== 'cpu' && this.mode !== 'webasm';
  }

  /**
   * Runs a first kernel.
   *
   * @param gpu - an instance
   * @returns what it ran on
   * @throws whatever gpu.js throws where the mode does not run
   */
  static async open(gpu: Gpu): Promise<Device> {
    const call = gpu.createKernel(
      'function () { return 1; }',
      kernelSettings({ output: [1], optimizeFloatMemory: true }),
    );
    const result = await call();
    const device = new Device(gpu, call.kernel);
    device.#requireMode(call, result);
    device.free(result);
    return device;
  }

  get kernelCount(): number {
    return this.#kernels.size;
  }

  /** The textures that its kernels made and that were not freed. */
  get textureCount(): number {
    return [...this.#textures.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Whether a texture lies where these kernels compute. */
  holds(texture: Texture): boolean {
    return this.hasTextures && contextOf(texture) === this.#sentinel.context;
  }

  /**
   * Calls a kernel, which is compiled for each new signature of its arguments: gpu.js bakes their
   * types and sizes in, and reads garbage where others follow.
   *
   * @param source - a function expression, as text
   * @param settings - the layout of the result, and constants
   * @param args - as many as the function has parameters, of the lengths that it expects
   * @returns the result, which the caller frees
   * @throws PolyakError `ERR_UNSUPPORTED` where gpu.js falls back to another mode, or the device
   *   could not run the kernel; `ERR_DISPOSED` where the device is gone
   */
  async run(source: string, settings: KernelSettings, args: readonly Argument[]): Promise<Storage> {
    const key = [source, JSON.stringify(settings), ...args.map(argumentSignature)].join('|');
    const known = this.#kernels.get(key);
    const call = known ?? this.#gpu.createKernel(source, kernelSettings(settings));
    let result: Storage;
    try {
      result = await this.#checked(async () => call(...args));
    } catch (error) {
      this.requireAlive('run', error);
      if (known === undefined) call.kernel.destroy();
      throw error;
    }
    if (known === undefined) {
      this.#requireMode(call, result);
      this.#kernels.set(key, call);
    }
    if (isTexture(result)) {
      this.#makers.set(result, call);
      this.#textures.set(call, (this.#textures.get(call) ?? 0) + 1);
    }
    return result;
  }

  /** The elements, in the order of memory. On the host they are not copied. */
  async read(storage: Storage): Promise<Float32Array> {
    if (!isTexture(storage)) return storage;
    try {
      return flattened(await this.#checked(async () => storage.toArray()));
    } catch (error) {
      this.requireAlive('read', error);
      throw error;
    }
  }

  /** Deletes a texture, whoever made it. */
  free(storage: Storage): void {
    if (!isTexture(storage)) return;
    storage.delete();
    const maker = this.#makers.get(storage);
    if (maker === undefined) return;
    this.#makers.delete(storage);
    this.#textures.set(maker, (this.#textures.get(maker) ?? 1) - 1);
  }

  /**
   * Refuses to go on once the device is gone, with all that lay there.
   *
   * @param call - the method, for the message
   * @param cause - what failed, if something did
   * @throws PolyakError `ERR_DISPOSED`
   */
  requireAlive(call: string, cause?: unknown): void {
    if (this.#isReleased) {
      throw new PolyakError('ERR_DISPOSED', `${call}: the backend was released. Make a new one.`);
    }
    if (this.#isGone()) {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: the GPU was destroyed, or its device was lost, and the averages with it. Make ` +
          'a new GPU, a new backend and a new SWA, and load the state that was saved last.',
        { cause },
      );
    }
  }

  /** Destroys the kernels that are compiled so far. */
  forgetKernels(): void {
    for (const [key, call] of this.#kernels) this.#destroy(key, call);
  }

  /** Destroys all kernels. Later calls but `free` are refused. */
  release(): void {
    if (this.#isReleased || this.#isGone()) return;
    this.#isReleased = true;
    this.forgetKernels();
    this.#sentinel.destroy();
  }

  #destroy(key: string, call: KernelCall): void {
    // Textures that somebody still holds would be deleted with it.
    if ((this.#textures.get(call) ?? 0) > 0) return;
    call.kernel.destroy();
    this.#kernels.delete(key);
    this.#textures.delete(call);
  }

  #requireMode(call: KernelCall, result: Storage): void {
    const { kernel } = call;
    const mode = modeOf(kernel);
    if (
      kernel.fallbackReason === null &&
      mode === this.mode &&
      isTexture(result) === this.hasTextures
    )
      return;
    if (isTexture(result)) result.delete();
    kernel.destroy();
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `gpu.js went on in the mode ${mode} instead of ${this.#gpu.mode}: ` +
        `${kernel.fallbackReason ?? 'it gave no reason'}. Make the GPU with a mode that runs ` +
        'here, such as webasm.',
    );
  }

  #isGone(): boolean {
    const { context } = this.#sentinel;
    if (!this.#gpu.kernels.includes(this.#sentinel)) return true;
    if (context === null || context === undefined) return this.hasTextures;
    return 'isLost' in context ? context.isLost : (context.isContextLost?.() ?? false);
  }

  /** Calls `operation`, and fails where the device says that it failed: gpu.js does not ask it. */
  async #checked<Result>(operation: () => Promise<Result>): Promise<Result> {
    return checkedOn(this.#sentinel.context, operation);
  }
}

/**
 * Runs `operation`, and throws a PolyakError `ERR_UNSUPPORTED` where the device says that it
 * failed: gpu.js does not ask.
 */
export async function checkedOn<Result>(
  context: Kernel['context'],
  operation: () => Promise<Result>,
): Promise<Result> {
  if (context === null || context === undefined) return operation();
  return 'device' in context ? checkedWebGpu(context, operation) : checkedWebGl(context, operation);
}

async function checkedWebGl<Result>(
  gl: WebGlContext,
  operation: () => Promise<Result>,
): Promise<Result> {
  // What others left there. A lost context gives out an error once only.
  while (gl.getError() !== gl.NO_ERROR);
  const result = await operation();
  const error = gl.getError();
  if (error === gl.NO_ERROR) return result;
  throw deviceError(`WebGL's error 0x${error.toString(16)}`);
}

async function checkedWebGpu<Result>(
  { device }: WebGpuContext,
  operation: () => Promise<Result>,
): Promise<Result> {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let result: Result;
  let errors: readonly ({ readonly message: string } | null)[];
  try {
    result = await operation();
  } finally {
    errors = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
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

function kernelSettings({ output, optimizeFloatMemory, constants }: KernelSettings): object {
  return {
    output: [...output],
    optimizeFloatMemory,
    ...(constants && { constants }),
    // Of the precisions only this one holds all float32 values, and of the tactics only this one
    // computes with them.
    precision: 'single',
    tactic: 'precision',
    pipeline: true,
    immutable: true,
  };
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
