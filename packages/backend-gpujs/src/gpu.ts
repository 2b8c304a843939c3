// The types of gpu.js, with casts for what its own typings lack or get wrong. The runtime itself is
// always an argument.
import type { GPU, Texture } from 'gpu.js';

/** Where gpu.js can compute. */
export type GpujsMode = 'headlessgl' | 'webgl2' | 'webgl' | 'webgpu' | 'webasm' | 'cpu';

/** A mode for a GPU instance of the backend's own. */
export interface GpujsRuntime {
  /** The class of gpu.js. */
  readonly GPU: typeof GPU;
  /** Where to compute. */
  readonly mode: GpujsMode;
}

/** Numbers on the host: those of one, two or three extents, as rows, and rows of rows. */
export type Rows = Float32Array | readonly Rows[];

/** What a pipeline kernel returns: a texture, or without a GPU the numbers themselves. */
export type KernelResult = Rows | Texture;

/** An instance of `GPU`. */
export interface Gpu {
  readonly mode: string;
  /** The kernels that `destroy` destroys. */
  readonly kernels: readonly Kernel[];
  createKernel(source: string, settings: object): KernelCall;
  destroy(): Promise<void>;
}

/** A kernel to call. On webgpu, and on all others in gpu.js 3, it returns a promise. */
export interface KernelCall {
  (...args: readonly unknown[]): KernelResult | Promise<KernelResult>;
  /** The compiled kernel. The first call may replace it. */
  readonly kernel: Kernel;
}

/** A kernel of one of gpu.js's classes. */
export interface Kernel {
  readonly constructor: { readonly mode: string };
  /**
   * Of WebGL, or gpu.js's own for webgpu; there once the kernel was called, gone once it was
   * destroyed.
   */
  readonly context: WebGlContext | WebGpuContext | null | undefined;
  /** What its source reads as `this.constants.<name>`. */
  readonly constants?: Readonly<Record<string, unknown>> | null;
  /** Why gpu.js computes on the cpu instead, if it does. */
  readonly fallbackReason: string | null;
  /** The last result on WebGL, of which an immutable kernel gives out clones. */
  readonly texture?: { readonly texture: object } | null;
  /** The same on webgpu. */
  readonly outputBuffer?: object | null;
  destroy(): void;
}

/** What a kernel of WebGL computes with. */
export interface WebGlContext {
  readonly NO_ERROR: number;
  getError(): number;
  getExtension(name: string): unknown;
  isContextLost?(): boolean;
  readonly texImage3D?: unknown;
}

/** What all webgpu kernels of a process compute with. */
export interface WebGpuContext {
  readonly isLost: boolean;
  readonly device: {
    pushErrorScope(filter: 'out-of-memory' | 'validation'): void;
    popErrorScope(): Promise<{ readonly message: string } | null>;
  };
}

/** The mode in which a kernel really computes. */
export function modeOf({ constructor, context }: Kernel): GpujsMode {
  if (constructor.mode !== 'gpu') return constructor.mode as GpujsMode;
  // Its classes for WebGL all say 'gpu', and a minifier changes their names.
  const gl = context as WebGlContext;
  if (gl.getExtension('STACKGL_destroy_context') !== null) return 'headlessgl';
  return gl.texImage3D === undefined ? 'webgl' : 'webgl2';
}
