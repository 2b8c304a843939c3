// The TensorFlow.js that an example runs on.
import { loadTensorFlow, registerConvGradient } from '@polyak/backend-tfjs';
import type { LoadedTensorFlow, TensorFlowBackend } from '@polyak/backend-tfjs';

/** A runtime of TensorFlow.js to ask for; `auto` takes the fastest that is installed. */
export type TensorFlowBackendName = 'auto' | TensorFlowBackend;

/** All of them, as choices of a command line. */
export const TENSORFLOW_BACKENDS: readonly TensorFlowBackendName[] = [
  'auto',
  'tfjs-node-gpu',
  'tfjs-node',
  'wasm',
  'cpu',
];

/**
 * Loads the runtime that was asked for, ready to train convolutions, and says why a faster one was
 * not taken.
 */
export async function loadTfjs(
  backend: TensorFlowBackendName,
  note: (text: string) => void,
): Promise<LoadedTensorFlow> {
  const loaded = await loadTensorFlow({
    onReport: note,
    ...(backend !== 'auto' && { backends: [backend] }),
  });
  // wasm lacks one kernel that training needs; the library adds it on request only.
  if (loaded.backend === 'wasm') registerConvGradient(loaded.tf);
  return loaded;
}
