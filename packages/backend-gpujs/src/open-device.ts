// Opens the device that a GPU instance really computes on, after a test of its arithmetic.
import { PolyakError } from '@polyak/core';
import { requireOptions, requireWord } from '@polyak/core/kit';
import type { GPU } from 'gpu.js';
import { Device } from './device.js';
import type { Gpu, GpujsMode, GpujsRuntime } from './gpu.js';
import { probe } from './averaging/probe.js';

/** What to do if a mode does not run. */
const REMEDIES: Readonly<Record<GpujsMode, string>> = {
  headlessgl:
    'it needs the package gl, built by `npm rebuild gl` (in a clone of this repository: `npx ' +
    '-y pnpm@12 run build:gl`), and an X display: `xvfb-run -a node …`',
  webgl2: 'it needs a browser with WebGL 2 and float textures',
  webgl: 'it needs a browser with WebGL and float textures',
  webgpu:
    'it needs navigator.gpu and an adapter; Node gets both from the package webgpu and a Vulkan ' +
    'driver',
  webasm: 'it needs WebAssembly',
  cpu: 'reinstall gpu.js',
};

/** A device that computes. */
export interface OpenDevice {
  readonly device: Device;
  /** For devices with textures: whether the driver keeps rounding errors. */
  readonly canCompensate: boolean;
  /** Destroys the kernels and, where it is the backend's own, the GPU instance. */
  close(): Promise<void>;
}

/**
 * Opens the device of a GPU instance.
 *
 * @param gpu - an instance, or the class and a mode
 * @throws PolyakError `ERR_UNSUPPORTED` where the mode does not run, gpu.js runs another one
 *   instead, or the device does not compute in float32
 * @throws RangeError for an unknown mode; TypeError where `gpu` is neither
 */
export async function openDevice(gpu: GPU | GpujsRuntime): Promise<OpenDevice> {
  requireGpu(gpu);
  const isOwn = 'GPU' in gpu;
  if (isOwn) {
    requireOptions('gpujsBackend', gpu, ['GPU', 'mode']);
    requireWord('gpujsBackend', 'the mode', gpu.mode, Object.keys(REMEDIES));
  }
  const instance = isOwn ? instanceOf(gpu) : (gpu as unknown as Gpu);
  let device: Device | undefined;
  const close = async (): Promise<void> => {
    device?.release();
    if (isOwn) await instance.destroy();
  };
  try {
    device = await Device.open(instance);
    requireMode(instance.mode, device.mode);
    const canCompensate = device.hasTextures && (await probe(device));
    return { device, canCompensate, close };
  } catch (error) {
    await close();
    throw unsupported(instance.mode, error);
  }
}

function requireGpu(gpu: GPU | GpujsRuntime): void {
  const { GPU: Class, createKernel } = ((gpu as unknown) ?? {}) as Partial<GPU & GpujsRuntime>;
  if (typeof Class === 'function' || typeof createKernel === 'function') return;
  throw new TypeError(
    'gpujsBackend: the argument is neither a GPU instance nor { GPU, mode }. Pass the instance ' +
      "that runs the model, or { GPU, mode: 'webgpu' } with the class GPU of gpu.js.",
  );
}

/** gpu.js falls back silently. With 'gpu' and 'async' it chooses the mode. */
function requireMode(asked: string, found: GpujsMode): void {
  if (Object.hasOwn(REMEDIES, asked) && asked !== found)
    throw new Error(`gpu.js runs ${found} instead`);
}

function instanceOf({ GPU: Class, mode }: GpujsRuntime): Gpu {
  try {
    return new Class({ mode }) as unknown as Gpu;
  } catch (error) {
    throw unsupported(mode, error);
  }
}

function unsupported(mode: string, cause: unknown): PolyakError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const remedy = Object.hasOwn(REMEDIES, mode)
    ? REMEDIES[mode as GpujsMode]
    : 'ask for a mode by its name';
  return new PolyakError(
    'ERR_UNSUPPORTED',
    `gpujsBackend: the mode ${mode} does not run here (${reason}): ${remedy}. Or ask for another ` +
      'mode; webasm and cpu need nothing.',
    { cause },
  );
}
