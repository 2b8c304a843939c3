// The parts of gpu.js that this package uses, where gpu.js's own typings lack them or are wrong.
import type { GPU, Texture } from 'gpu.js';

/** The modes of gpu.js. */
export type GpujsMode = 'headlessgl' | 'webgl2' | 'webgl' | 'webgpu' | 'webasm' | 'cpu';

/** A mode for a GPU instance of the backend's own. */
export interface GpujsRuntime {
  /** The class of gpu.js. */
  readonly GPU: typeof GPU;
  /** The mode of the instance. */
  readonly mode: GpujsMode;
}

/** Numbers on the host, nested as deep as the result has axes. */
export type Rows = Float32Array | readonly Rows[];

/** The result of a pipeline kernel: a texture, or on cpu and webasm the numbers themselves. */
export type KernelResult = Rows | Texture;

/** An instance of `GPU`. */
export interface Gpu {
  readonly mode: string;
  /** The kernels that `destroy` destroys. */
  readonly kernels: readonly Kernel[];
  createKernel(source: string, settings: object): KernelCall;
  destroy(): Promise<void>;
}

/** A kernel to call. It returns a promise on webgpu, and in gpu.js 3 on all modes. */
export interface KernelCall {
  (...args: readonly unknown[]): KernelResult | Promise<KernelResult>;
  /** The compiled kernel. The first call may replace it. */
  readonly kernel: Kernel;
}

/** A kernel of one of gpu.js's classes. */
export interface Kernel {
  readonly constructor: { readonly mode: string };
  /**
   * Of WebGL, or gpu.js's own for webgpu. Present from the first call until the kernel is
   * destroyed.
   */
  readonly context: WebGlContext | WebGpuContext | null | undefined;
  /** What its source reads as `this.constants.<name>`. */
  readonly constants?: Readonly<Record<string, unknown>> | null;
  /** Why gpu.js computes on the cpu instead; null if it does not. */
  readonly fallbackReason: string | null;
  /** The last result on WebGL. An immutable kernel returns clones of it. */
  readonly texture?: { readonly texture: object } | null;
  /** The same on webgpu. */
  readonly outputBuffer?: object | null;
  /** The vertices that it draws on WebGL. */
  buffer?: object | null;
  /** See {@link destroyKernel}. */
  destroy(): void;
}

/**
 * Destroys a kernel, but not its vertices. On WebGL, all kernels of a GPU draw those of the kernel
 * that was compiled last. Without them, the kernels of the model give zeros, silently. They take
 * 64 bytes, and go with the context.
 */
export function destroyKernel(kernel: Kernel): void {
  if ('buffer' in kernel) kernel.buffer = null;
  kernel.destroy();
}

/** The context of a WebGL kernel. */
export interface WebGlContext {
  readonly NO_ERROR: number;
  getError(): number;
  getExtension(name: string): unknown;
  isContextLost?(): boolean;
  readonly texImage3D?: unknown;
}

/** The context that all webgpu kernels of a process share. */
export interface WebGpuContext {
  readonly isLost: boolean;
  readonly device: {
    pushErrorScope(filter: 'out-of-memory' | 'validation'): void;
    popErrorScope(): Promise<{ readonly message: string } | null>;
  };
}

/** The mode that a kernel really runs in. */
export function modeOf({ constructor, context }: Kernel): GpujsMode {
  if (constructor.mode !== 'gpu') return constructor.mode as GpujsMode;
  // All WebGL classes of gpu.js say 'gpu', and a minifier changes their names.
  const gl = context as WebGlContext;
  if (gl.getExtension('STACKGL_destroy_context') !== null) return 'headlessgl';
  return gl.texImage3D === undefined ? 'webgl' : 'webgl2';
}
