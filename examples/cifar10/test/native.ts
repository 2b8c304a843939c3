// TensorFlow itself, where `pnpm tensorflow:native` has built it. POLYAK_REQUIRE_TENSORFLOW=1 makes
// its absence a failure.
import { loadTensorFlow } from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';

/** TensorFlow.js on native TensorFlow; nothing, and a line that says so, where it is not there. */
export async function loadNative(): Promise<TensorFlowWithLayers | undefined> {
  try {
    return (await loadTensorFlow({ backends: ['tfjs-node-gpu', 'tfjs-node'] })).tf;
  } catch (error) {
    if (process.env['POLYAK_REQUIRE_TENSORFLOW'] === '1') throw error;
    console.warn(`Skipped: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
