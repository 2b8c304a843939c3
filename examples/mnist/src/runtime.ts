// The TensorFlow.js that the demo runs on.
import { loadTensorFlow, registerConvGradient } from '@polyak/backend-tfjs';
import type { LoadedTensorFlow } from '@polyak/backend-tfjs';

import type { BackendName } from './run.js';

/** Loads the runtime that was asked for, ready to train convolutions, and says why a faster one was not taken. */
export async function loadRuntime(
  backend: BackendName,
  note: (text: string) => void,
): Promise<LoadedTensorFlow> {
  const loaded = await loadTensorFlow(backend === 'auto' ? {} : { runtimes: [backend] });
  for (const { runtime, reason } of loaded.skipped) note(`Not on ${runtime}: ${reason}`);
  // wasm lacks one kernel that training needs; the library adds it on request only.
  if (loaded.runtime === 'wasm') registerConvGradient(loaded.tf);
  return loaded;
}
