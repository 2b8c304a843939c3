// The first execution provider that can be had of those asked for, or what keeps each from running.
import { PolyakError } from '@polyak/core';
import { deviceStorage } from './averaging/device-storage.js';
import { hostStorage } from './averaging/host-storage.js';
import { averageKernel } from './averaging/kernel-graph.js';
import type { Ort } from './ort.js';
import type { ExecutionProvider, Sessions } from './sessions.js';
import { sessionsOf } from './sessions.js';
import type { Storage } from './averaging/storage.js';

/** A provider that runs. */
export interface OpenProvider {
  readonly provider: ExecutionProvider;
  readonly sessions: Sessions;
  readonly storage: Storage;
}

/** What to do about a provider that does not run. */
const REMEDIES: Readonly<Record<ExecutionProvider, string>> = {
  cpu: 'reinstall onnxruntime-node',
  webgpu:
    'it needs a driver for Vulkan, Metal or Direct3D 12; on Linux install libvulkan1 and name ' +
    'the driver in VK_ICD_FILENAMES',
  cuda:
    "its libraries come with onnxruntime-node's install script on Linux, which package managers " +
    'may not run, and need CUDA 12 and cuDNN 9',
};

/**
 * Opens the first provider that computes.
 *
 * @param ort - the runtime
 * @param providers - in the order of preference
 * @throws PolyakError `ERR_UNSUPPORTED` where none does
 * @throws RangeError where the list is empty or has an unknown name
 */
export async function openProvider(
  ort: Ort,
  providers: readonly ExecutionProvider[],
): Promise<OpenProvider> {
  const unknown = providers.find((provider) => !Object.hasOwn(REMEDIES, provider));
  if (providers.length === 0 || unknown !== undefined) {
    throw new RangeError(
      `onnxBackend: executionProviders is [${providers.join(', ')}], expected one or more of ` +
        `${Object.keys(REMEDIES).join(', ')}.`,
    );
  }
  const reasons: string[] = [];
  const causes: unknown[] = [];
  for (const provider of providers) {
    const sessions = sessionsOf(ort, provider);
    try {
      // Each provider computes averages of float32, or is none.
      await sessions.get(
        averageKernel('float32', 'float32'),
        1,
        provider === 'webgpu' ? 'gpu-buffer' : 'cpu',
      );
      const storage =
        provider === 'webgpu' ? await deviceStorage(ort, sessions) : hostStorage(ort, sessions);
      return { provider, sessions, storage };
    } catch (error) {
      await sessions.release();
      causes.push(error);
      reasons.push(`${provider} does not run here (${firstLine(error)}): ${REMEDIES[provider]}`);
    }
  }
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `onnxBackend: ${reasons.join('; ')}. Or ask for another provider.`,
    {
      cause: causes.length === 1 ? causes[0] : new AggregateError(causes),
    },
  );
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
