// The TensorFlow.js that a row runs on.
import type { TensorFlowBackend, TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import { Skipped } from '../../row.js';

/** Backends by the names of their rows. */
export const TFJS_BACKENDS = {
  cpu: 'cpu',
  wasm: 'wasm',
  tensorflow: 'tfjs-node-gpu',
} as const satisfies Readonly<Record<string, TensorFlowBackend>>;

export type TfjsName = keyof typeof TFJS_BACKENDS;

/** @throws Skipped where it does not run here */
export async function loadedTfjs(name: TfjsName): Promise<TensorFlowWithLayers> {
  try {
    const { tf } = await loadTfjs(TFJS_BACKENDS[name], () => undefined);
    return tf;
  } catch (error) {
    throw new Skipped(error instanceof Error ? error.message : String(error));
  }
}
