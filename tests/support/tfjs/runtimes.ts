// The tfjs backends that tests run on: cpu and wasm, and tensorflow where `pnpm tensorflow:native`
// has built it. POLYAK_REQUIRE_TENSORFLOW=1 makes its absence a failure.
import { loadTensorFlow } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect } from 'vitest';

export type RuntimeName = 'cpu' | 'wasm' | 'tensorflow';

const isBuilt = existsSync(
  fileURLToPath(new URL('../../../.tensorflow-native/node_modules', import.meta.url)),
);

/** Whether the tests run on tensorflow too. */
export const hasTensorFlow = isBuilt || process.env['POLYAK_REQUIRE_TENSORFLOW'] === '1';

export const RUNTIMES: readonly RuntimeName[] = hasTensorFlow
  ? ['cpu', 'wasm', 'tensorflow']
  : ['cpu', 'wasm'];

/** Sets the tfjs backend, and makes sure that tfjs did. */
export async function setRuntime(runtime: RuntimeName): Promise<void> {
  // It registers its backend with the engine of the whole process, which is that of this copy of
  // tfjs too.
  if (runtime === 'tensorflow') await loadTensorFlow({ backends: ['tfjs-node-gpu'] });
  else await import(`@tensorflow/tfjs-backend-${runtime}`);
  await tf.setBackend(runtime);
  expect(tf.getBackend()).toBe(runtime);
}

/** Sets it for the tests of the current suite. */
export function useRuntime(runtime: RuntimeName): void {
  beforeAll(async () => setRuntime(runtime));
}
