// The device of a GPU instance: its kernels, with every run checked for errors.
import { PolyakError } from '@polyak/core';
import type { Steps } from '@polyak/core/kit';
import { wait } from '@polyak/core/kit';
import type { Texture } from 'gpu.js';
import type { Gpu, GpujsMode, Kernel, KernelCall, KernelResult } from './gpu.js';
import { destroyKernel, modeOf } from './gpu.js';
import { checked, SignatureKernels } from './kernels.js';
import type { Argument } from './kernels.js';
import { contextOf, flattened, isTexture, storageOf } from './texture.js';
import type { CountedStorage, Layout } from './texture.js';

export class Device {
  /** The mode that really runs, whatever mode was requested. */
  readonly mode: GpujsMode;
  /** Whether results are textures; on cpu and webasm they are arrays. */
  readonly hasTextures: boolean;
  readonly #gpu: Gpu;
  /** The first kernel. Destroying the GPU destroys it too. */
  readonly #sentinel: Kernel;
  /** By source and settings. */
  readonly #kernels = new Map<string, SignatureKernels>();
  /** The kernels' results. A texture can be read as long as its kernel lives. */
  readonly #made = new Map<KernelCall, Set<CountedStorage>>();
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
   * @returns the device that it ran on
   * @throws whatever gpu.js throws where the mode does not run
   */
  static async open(gpu: Gpu): Promise<Device> {
    const layout = { output: [1], optimizeFloatMemory: true };
    const call = gpu.createKernel('function () { return 1; }', kernelSettings(layout));
    const result = await call();
    const device = new Device(gpu, call.kernel);
    try {
      device.#requireMode(call.kernel, result);
    } catch (error) {
      destroyKernel(call.kernel);
      throw error;
    } finally {
      if (isTexture(result)) result.delete();
    }
    return device;
  }

  get kernelCount(): number {
    return [...this.#kernels.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Whether kernels of this device can read a texture. */
  holds(texture: Texture): boolean {
    return this.hasTextures && contextOf(texture) === this.#sentinel.context;
  }

  /**
   * The constants of all kernels of the GPU, the model's too, that are arrays or textures. On cpu
   * there are none: only there gpu.js reads constants at each call.
   */
  constants(): readonly (readonly [name: string, value: object])[] {
    if (this.mode === 'cpu') return [];
    return this.#gpu.kernels.flatMap(({ constants }) =>
      Object.entries(constants ?? {}).filter(
        (entry): entry is [string, object] => typeof entry[1] === 'object' && entry[1] !== null,
      ),
    );
  }

  /**
   * Calls a kernel.
   *
   * @param source - a function expression, as text
   * @param layout - of the result
   * @param args - as many as the function has parameters, of the lengths that it expects
   * @returns the result, which the caller deletes
   * @throws PolyakError `ERR_UNSUPPORTED` where gpu.js falls back to another mode, or the device
   *   could not run the kernel; `ERR_DISPOSED` where the device is gone
   */
  *run(source: string, layout: Layout, args: readonly Argument[]): Steps<Texture> {
    const key = `${source}|${JSON.stringify(layout)}`;
    const kernels = this.#kernels.get(key) ?? this.#kernelsOf(source, layout);
    this.#kernels.set(key, kernels);
    try {
      const { call, result } = yield* kernels.run(args);
      const texture = result as Texture;
      this.#note(call, storageOf(texture));
      return texture;
    } catch (error) {
      this.requireAlive('run', error);
      throw error;
    }
  }

  /** The elements of a texture, in the order of memory. */
  *read(texture: Texture): Steps<Float32Array> {
    try {
      const values = yield* checked(this.#sentinel.context, () => wait<unknown>(texture.toArray()));
      return flattened(values);
    } catch (error) {
      this.requireAlive('read', error);
      throw error;
    }
  }

  /**
   * Throws once the device is lost or destroyed.
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
          'a new GPU, a new backend and a new average, and load the last saved state.',
        { cause },
      );
    }
  }

  /** Destroys the compiled kernels, except those whose textures are still held. */
  forgetKernels(): void {
    const isKept = (call: KernelCall): boolean =>
      [...(this.#made.get(call) ?? [])].some((storage) => isHeld(storage, call.kernel));
    for (const [key, kernels] of this.#kernels) {
      kernels.destroy(isKept);
      if (kernels.count === 0) this.#kernels.delete(key);
    }
    for (const call of this.#made.keys()) if (!isKept(call)) this.#made.delete(call);
  }

  /** Destroys all kernels. Later calls are refused. */
  release(): void {
    if (this.#isReleased || this.#isGone()) return;
    this.#isReleased = true;
    this.forgetKernels();
    destroyKernel(this.#sentinel);
  }

  #kernelsOf(source: string, layout: Layout): SignatureKernels {
    return new SignatureKernels(this.#gpu, {
      source,
      settings: kernelSettings(layout),
      contextOf: () => this.#sentinel.context,
      check: (kernel, result) => this.#requireMode(kernel, result),
    });
  }

  /** Removes storages that are no longer held, up to two for each new one. */
  #note(call: KernelCall, storage: CountedStorage): void {
    const made = this.#made.get(call) ?? new Set();
    this.#made.set(call, made);
    const oldest = made.values();
    for (const { value: old } of [oldest.next(), oldest.next()]) {
      if (old === undefined) continue;
      made.delete(old);
      if (isHeld(old, call.kernel)) made.add(old);
    }
    made.add(storage);
  }

  #requireMode(kernel: Kernel, result: KernelResult): void {
    const { fallbackReason } = kernel;
    const mode = modeOf(kernel);
    const isRight = mode === this.mode && isTexture(result) === this.hasTextures;
    if (fallbackReason === null && isRight) return;
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `gpu.js fell back to the mode ${mode}, expected ${this.#gpu.mode}: ` +
        `${fallbackReason ?? 'it gave no reason'}. Make the GPU with a mode that runs ` +
        'here, such as webasm.',
    );
  }

  #isGone(): boolean {
    const { context } = this.#sentinel;
    if (!this.#gpu.kernels.includes(this.#sentinel)) return true;
    if (context === null || context === undefined) return this.hasTextures;
    return 'isLost' in context ? context.isLost : (context.isContextLost?.() ?? false);
  }
}

/** Whether a storage has handles besides that of the kernel, which keeps its last result. */
function isHeld(storage: CountedStorage, { texture, outputBuffer }: Kernel): boolean {
  const isLast = storage === texture?.texture || storage === outputBuffer;
  return storage['_refs'] > (isLast ? 1 : 0);
}

function kernelSettings({ output, optimizeFloatMemory }: Layout): object {
  return {
    output: [...output],
    optimizeFloatMemory,
    // Of the precisions only this one holds all float32 values, and of the tactics only this one
    // computes with them.
    precision: 'single',
    tactic: 'precision',
    pipeline: true,
    immutable: true,
  };
}
