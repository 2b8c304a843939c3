// The modes of gpu.js that tests run on in Node. What a machine lacks is skipped, with the reason
// printed, unless POLYAK_REQUIRE_HEADLESSGL=1 or POLYAK_REQUIRE_WEBGPU=1 says that it must not.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { gpujsBackend } from '@polyak/backend-gpujs';
import type { GpujsMode } from '@polyak/backend-gpujs';
import gpujs from 'gpu.js';

export const MODES = [
  'cpu',
  'webasm',
  'headlessgl',
  'webgpu',
] as const satisfies readonly GpujsMode[];

/** A mode that tests run on. */
export type NodeMode = (typeof MODES)[number];

/** Those whose kernels return textures, or handles of buffers. */
export const TEXTURE_MODES = ['headlessgl', 'webgpu'] as const satisfies readonly GpujsMode[];

export const { GPU } = gpujs;

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

const REQUIRED: Readonly<Record<NodeMode, boolean>> = {
  cpu: true,
  webasm: true,
  headlessgl: process.env['POLYAK_REQUIRE_HEADLESSGL'] === '1',
  webgpu: process.env['POLYAK_REQUIRE_WEBGPU'] === '1',
};

/**
 * Gives Node `navigator.gpu`. Vulkan's loader reads its variable when the first adapter is asked
 * for.
 */
async function startWebGpu(): Promise<void> {
  const { create, globals } = await import('webgpu');
  if (existsSync(SWIFTSHADER)) process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER;
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: create([]) },
    configurable: true,
  });
}

async function reasonAgainst(mode: NodeMode): Promise<string | undefined> {
  try {
    if (mode === 'webgpu') await startWebGpu();
    const backend = await gpujsBackend({ GPU, mode });
    await backend.release();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const reasons = new Map<NodeMode, string>();
for (const mode of MODES) {
  const reason = await reasonAgainst(mode);
  if (reason !== undefined) reasons.set(mode, reason);
  if (reason !== undefined && !REQUIRED[mode]) console.warn(`Skipped: ${reason}`);
}

/** Why a mode does not run here, if it does not. */
export function reasonOf(mode: NodeMode): string | undefined {
  return reasons.get(mode);
}

/** Whether the tests of a mode are skipped. Those of a mode that is required fail instead. */
export function isSkipped(mode: NodeMode): boolean {
  return reasons.has(mode) && !REQUIRED[mode];
}
