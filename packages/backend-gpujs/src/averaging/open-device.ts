// The device that a GPU instance really computes on, once it has shown that it computes right.
import { PolyakError } from '@polyak/core';
import type { GPU } from 'gpu.js';
import { Device } from '../device.js';
import type { Gpu, GpujsMode, GpujsRuntime } from '../gpu.js';
import type { Skills } from './probe.js';
import { probe } from './probe.js';

/** What to do about a mode that does not run. */
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
  readonly skills: Skills;
  /** Destroys the kernels and, where it is the backend's own, the GPU instance. */
  close(): Promise<void>;
}

/**
 * Opens what `gpu` computes on.
 *
 * @param gpu - an instance, or the class and a mode
 * @throws PolyakError `ERR_UNSUPPORTED` where the mode does not run, where gpu.js runs another one
 *   in its place, and where the device does not compute in float32
 * @throws RangeError for a mode that this package does not know
 */
export async function openDevice(gpu: GPU | GpujsRuntime): Promise<OpenDevice> {
  const isOwn = 'GPU' in gpu;
  if (isOwn && !Object.hasOwn(REMEDIES, gpu.mode)) {
    throw new RangeError(
      `gpujsBackend: the mode is ${gpu.mode}, expected one of ${Object.keys(REMEDIES).join(', ')}.`,
    );
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
    return { device, skills: await probe(device), close };
  } catch (error) {
    await close();
    throw unsupported(instance.mode, error);
  }
}

/** gpu.js falls back silently; 'gpu' and 'async' leave the mode to it. */
function requireMode(asked: string, found: GpujsMode): void {
  if (Object.hasOwn(REMEDIES, asked) && asked !== found)
    throw new Error(`gpu.js runs ${found} in its place`);
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
